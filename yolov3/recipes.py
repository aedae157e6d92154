"""The two ends of the recipe ladder, as changes to the defaults of yolov3/config.py.

``darknet`` is the original recipe: Redmon and Farhadi 2018 as their program trains it.
``modern`` keeps the network, the anchors and the decoding, so that inference costs the same.
"""

from __future__ import annotations

from typing import Any

DARKNET: dict[str, Any] = {}

MODERN: dict[str, Any] = {}

RECIPES: dict[str, dict[str, Any]] = {"darknet": DARKNET, "modern": MODERN}
