"""From files to batches: COCO, VOC and YOLO data sets read into samples, and the loaders that make batches of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from yolov3.datasets.catalogue import open_dataset, resolve_data
from yolov3.datasets.dataset import Dataset, DatasetReport, read_sample_image, shared_pictures

if TYPE_CHECKING:
    from yolov3.datasets.loader import EvaluationLoader, TrainingLoader

__all__ = [
    "Dataset",
    "DatasetReport",
    "EvaluationLoader",
    "TrainingLoader",
    "open_dataset",
    "read_sample_image",
    "resolve_data",
    "shared_pictures",
]

# Found when first used: whoever only reads a data set does not wait for what makes batches.
_IN_LOADER = ("EvaluationLoader", "TrainingLoader")


def __getattr__(name: str) -> Any:
    if name in _IN_LOADER:
        return getattr(importlib.import_module("yolov3.datasets.loader"), name)
    raise AttributeError(f"module 'yolov3.datasets' has no attribute {name!r}")
