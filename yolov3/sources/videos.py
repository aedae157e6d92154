"""Video files, frame by frame, decoded some way ahead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2

from yolov3.errors import UserError
from yolov3.files.reading import is_there, require_file
from yolov3.machine.opencv_messages import opencv_silenced
from yolov3.sources.capture import USUAL_RATE, CaptureSource
from yolov3.sources.frames import Frame, SourceError
from yolov3.sources.read_ahead import Ahead

FRAMES_AHEAD = 8
MISSING_SHARE = 0.02  # of frames and of time; counts of frames are often wrong by some
MISSING_FRAMES = 2
BROKEN_FRAMES = 250  # so many frames that cannot be decoded are passed over in a row; then the video has ended


class VideoFile(CaptureSource):
    """Every frame of a file that can be decoded, by a thread that is ``ahead`` so many frames; ``broken`` counts those that
    could not, up to the last frame that was asked for."""

    def __init__(self, path: Path, *, ahead: int = FRAMES_AHEAD) -> None:
        self.path, self.name, self.ahead = path, str(path), ahead
        self._last_seconds = 0.0
        self._short: int | None = None
        self._decoding: Ahead[tuple[Frame | None, int]] | None = None

    def open(self) -> None:
        if not is_there(self.path):
            raise SourceError(f"{self.path}: does not exist")
        try:
            size = require_file(self.path).st_size
        except UserError as error:
            raise SourceError(str(error)) from error
        if size == 0:
            raise SourceError(f"{self.path}: the file is empty (0 bytes)")
        with opencv_silenced():
            capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise SourceError(f"{self.path}: not readable as a video (damaged, cut off or of an unknown kind)")
        self.take(capture)

    def close(self) -> None:
        if self._decoding is not None:
            self._decoding.close()  # before the capture is taken away
            self._decoding = None
        super().close()

    def __iter__(self) -> Iterator[Frame]:
        self._decoding = Ahead(self._decode(), most=self.ahead)
        for frame, broken in self._decoding:
            self.broken = broken
            if frame is not None:
                yield frame
        self.ended_after = self._short

    def _decode(self) -> Iterator[tuple[Frame | None, int]]:
        """Each frame and how many were broken so far; at the end how many they were."""
        index = missed = broken = 0
        while True:
            image = self.read()
            if image is not None:
                missed = 0
                self._last_seconds = self._seconds(index)
                yield Frame(image, self.name, index, self._last_seconds), broken
                index += 1
                continue
            # A damaged frame reads like the end: only the file's own count tells them apart.
            if self.length is None or index + broken + 1 >= self.length or missed >= BROKEN_FRAMES:
                break
            missed += 1
            broken += 1
        if index == 0:
            raise SourceError(f"{self.path}: a video without a single frame that can be decoded")
        if self._ends_early(index + broken - missed):
            self._short = index
        yield None, broken - missed  # those at the end are a wrong count more often than frames

    def _ends_early(self, frames: int) -> bool:
        """Whether frames and, because some files tell their duration alone, time are missing that the file promises."""
        if self.length is None or self.rate is None:
            return False
        missing = self.length - frames
        seconds = self.length / self.rate - self._last_seconds
        return missing > max(MISSING_FRAMES, MISSING_SHARE * self.length) and seconds > max(
            (MISSING_FRAMES + 1) / self.rate, MISSING_SHARE * self.length / self.rate
        )

    def _seconds(self, index: int) -> float:
        """The frame's time by the file, so that variable rates are right; by the rate where the file does not say."""
        milliseconds = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if math.isfinite(milliseconds) and (milliseconds > 0 or index == 0):
            return max(0.0, milliseconds / 1000)
        return index / (self.rate or USUAL_RATE)
