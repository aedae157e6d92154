"""What a network is: images in, raw tensors out. No boxes, no loss."""

from __future__ import annotations

from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.darknet53 import Darknet53
from yolov3.models.yolov3 import VARIANTS, YOLOv3

__all__ = ["VARIANTS", "Darknet53", "Darknet53Classifier", "YOLOv3"]
