"""YOLOv3 on PyTorch. Names are resolved when they are first used, so importing the package is quick and silent."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, which is slow to import
if TYPE_CHECKING:  # for who reads or checks types; at run time each name loads what it needs
    from yolov3.config.loading import load_experiment
    from yolov3.detections import Detections
    from yolov3.doctor.examine import examine
    from yolov3.errors import UserError
    from yolov3.evaluation.evaluate import evaluate
    from yolov3.export.export import export_model
    from yolov3.formats.load import load_model
    from yolov3.inference.batch_detector import BatchDetector
    from yolov3.inference.detect import detect
    from yolov3.inference.detector import Detector
    from yolov3.models.darknet53 import Darknet53
    from yolov3.models.yolov3 import YOLOv3
    from yolov3.reporting.compare import compare_models
    from yolov3.rewriting.convert import convert_data
    from yolov3.rewriting.labels import write_labels
    from yolov3.rewriting.split import split_data
    from yolov3.tracking.counting import Counting, CountLine, CountZone
    from yolov3.tracking.tracker import Tracker
    from yolov3.training.train import train

__version__ = "0.1.0"

__all__ = [
    "BatchDetector",
    "CountLine",
    "CountZone",
    "Counting",
    "Darknet53",
    "Detections",
    "Detector",
    "Tracker",
    "UserError",
    "YOLOv3",
    "compare_models",
    "convert_data",
    "detect",
    "evaluate",
    "examine",
    "export_model",
    "load_experiment",
    "load_model",
    "split_data",
    "train",
    "write_labels",
]

_MODULES = {
    "BatchDetector": "yolov3.inference.batch_detector",
    "CountLine": "yolov3.tracking.counting",
    "CountZone": "yolov3.tracking.counting",
    "Counting": "yolov3.tracking.counting",
    "Darknet53": "yolov3.models.darknet53",
    "Detections": "yolov3.detections",
    "Detector": "yolov3.inference.detector",
    "Tracker": "yolov3.tracking.tracker",
    "UserError": "yolov3.errors",
    "YOLOv3": "yolov3.models.yolov3",
    "compare_models": "yolov3.reporting.compare",
    "convert_data": "yolov3.rewriting.convert",
    "detect": "yolov3.inference.detect",
    "evaluate": "yolov3.evaluation.evaluate",
    "examine": "yolov3.doctor.examine",
    "export_model": "yolov3.export.export",
    "load_experiment": "yolov3.config.loading",
    "load_model": "yolov3.formats.load",
    "split_data": "yolov3.rewriting.split",
    "train": "yolov3.training.train",
    "write_labels": "yolov3.rewriting.labels",
}

if not TYPE_CHECKING:  # a checker that saw it would take any name for a good one

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'yolov3' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
