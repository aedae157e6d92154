"""Writing a video with OpenCV's traps closed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.sources.opencv_messages import opencv_silenced
from yolov3.structures import Size


class VideoWriter:
    """Writes an MPEG-4 video; all frames get the size of the first. Raises UserError when it cannot be written."""

    def __init__(self, path: Path, *, rate: float, size: Size) -> None:
        self.path, self.size, self.frames = path, size, 0
        height, width = size
        with opencv_silenced():
            self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        if not self._writer.isOpened():
            # OpenCV leaves an empty file behind.
            with contextlib.suppress(OSError):
                if path.stat().st_size == 0:
                    path.unlink()
            raise UserError(f"{path}: a video of {width}x{height} cannot be written here")

    def write(self, image: np.ndarray) -> None:
        """Add an (H, W, 3) uint8 RGB frame."""
        if image.shape[:2] != self.size:  # OpenCV would drop the frame without a word
            image = cv2.resize(image, (self.size[1], self.size[0]), interpolation=cv2.INTER_AREA)
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Finish the file. Raises UserError when it did not become a video."""
        self._writer.release()
        if self.frames and (not self.path.is_file() or self.path.stat().st_size == 0):
            raise UserError(f"{self.path}: the video could not be written (disk full?)")
