"""Using a trained model: pictures, folders, videos and cameras in; boxes, pictures and files out."""

from __future__ import annotations

from yolov3.inference.detector import Detector

__all__ = ["Detector"]
