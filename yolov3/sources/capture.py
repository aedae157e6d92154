"""OpenCV's capture with its traps closed: what videos and streams have in common."""

from __future__ import annotations

import math

import cv2
import numpy as np

from yolov3.sources.frames import FrameSource

USUAL_RATE = 25.0  # frames a second, for sources that do not say
LARGEST_RATE = 1000.0


class CaptureSource(FrameSource):
    """A source whose frames an open capture gives."""

    _capture: cv2.VideoCapture

    def take(self, capture: cv2.VideoCapture) -> None:
        """Use an opened capture, and believe what it says of itself where that can be."""
        self._capture = capture
        rate, length = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if math.isfinite(rate) and 0 < rate <= LARGEST_RATE else USUAL_RATE
        self.length = int(length) if math.isfinite(length) and length > 0 else None

    def read(self) -> np.ndarray | None:
        """The next frame (H, W, 3) uint8 RGB, None when it cannot be decoded or there is none."""
        done, image = self._capture.read()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if done else None

    def close(self) -> None:
        self._capture.release()
