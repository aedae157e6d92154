"""YOLOv3 on PyTorch. Names are resolved when they are first used, so importing the package is quick and silent."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Darknet53": "yolov3.models.darknet53",
    "Detections": "yolov3.detections",
    "Detector": "yolov3.inference.detector",
    "UserError": "yolov3.errors",
    "YOLOv3": "yolov3.models.yolov3",
    "detect": "yolov3.inference.detect",
    "evaluate": "yolov3.evaluation.evaluate",
    "load_experiment": "yolov3.config.loading",
    "load_model": "yolov3.formats.load",
    "train": "yolov3.training.train",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'yolov3' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
