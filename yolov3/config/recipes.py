"""The two ends of the recipe ladder, as changes to the defaults of yolov3/config/experiment.py.

``darknet`` is the original recipe: Redmon and Farhadi 2018 as their program trains it.
``modern`` keeps the network, the anchors and the decoding, so that inference costs the same.
"""

from __future__ import annotations

from typing import Any

DARKNET: dict[str, Any] = {
    # yolov3.cfg: jitter .3, hue .1, saturation and exposure 1.5, ignore .7, the loss divided by the batch: all defaults.
    "optimiser": {"schedule": "steps", "steps": [0.8, 0.9], "warmup_power": 4.0},  # policy=steps, 400000 and 450000
    # random=1, batch=64; batch norm over the images of one GPU
    "train": {"ema": 0.0, "norm_momentum": 0.01, "multi_scale": [320, 608], "batch_size": 64, "sync_norm": False},
}

MODERN: dict[str, Any] = {
    # A larger rate than the original's 0.001 learns more in the same time; the clipped gradient keeps it from running
    # away while exp(w) is young. docs/recipes.md has the measurements.
    "optimiser": {
        "schedule": "cosine",
        "learning_rate": 0.008,
        "nesterov": True,
        "gradient_clip": 20.0,
    },
    "train": {"ema": 0.9998, "norm_momentum": 0.03},
}

RECIPES: dict[str, dict[str, Any]] = {"darknet": DARKNET, "modern": MODERN}
