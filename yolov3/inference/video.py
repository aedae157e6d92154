"""Videos and streams, frame by frame: reading with OpenCV's traps closed, and writing."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.inference.sources import Frame, Stream, Video
from yolov3.structures import Size

USUAL_RATE = 25.0  # frames a second, for files that do not say
LARGEST_RATE = 1000.0
BROKEN_FRAMES = 250  # so many frames that cannot be decoded are passed over in a row; then the video has ended
OPEN_MILLISECONDS, READ_MILLISECONDS = 15_000, 15_000  # patience with a stream
RECONNECT_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds


class VideoError(UserError):
    """A video or stream that cannot be used."""


class _Reader:
    """An open capture: its ``rate`` in frames a second, the frames it ``claimed`` to have, or None, and how many
    were ``broken``."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self.broken = 0
        self._capture = capture
        rate, claimed = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if math.isfinite(rate) and 0 < rate <= LARGEST_RATE else USUAL_RATE
        self.claimed = int(claimed) if math.isfinite(claimed) and claimed > 0 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()


class VideoReader(_Reader):
    """The frames of a video file in order; ``broken`` counts those that could not be decoded. Raises VideoError for a
    file that is no video."""

    def __init__(self, video: Video) -> None:
        self.path = video.path
        if not self.path.is_file():
            raise VideoError(f"{self.path}: {'not a file' if self.path.exists() else 'does not exist'}")
        if self.path.stat().st_size == 0:
            raise VideoError(f"{self.path}: the file is empty (0 bytes)")
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise VideoError(f"{self.path}: not readable as a video (damaged, cut off or of an unknown kind)")
        super().__init__(capture)

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be decoded. Raises UserError when there is none."""
        index = missed = 0
        while True:
            done, image = self._capture.read()
            if done:
                missed = 0
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), str(self.path), index, self._seconds(index))
                index += 1
                continue
            # A damaged frame reads like the end: only the file's own count tells them apart.
            if self.claimed is None or index + self.broken + 1 >= self.claimed or missed >= BROKEN_FRAMES:
                break
            missed += 1
            self.broken += 1
        self.broken -= missed  # those at the end are a wrong count more often than frames
        if index == 0:
            raise VideoError(f"{self.path}: a video without a single frame that can be decoded")

    def _seconds(self, index: int) -> float:
        """The frame's time by the file, so that variable rates are right; by the rate where the file does not say."""
        milliseconds = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if math.isfinite(milliseconds) and (milliseconds > 0 or index == 0):
            return max(0.0, milliseconds / 1000)
        return index / self.rate


class StreamReader(_Reader):
    """The frames of a camera or a stream until it ends; a broken connection is made again, with growing pauses, and
    counted. An address may also be that of a file, which has a length and an end. Raises VideoError."""

    def __init__(self, stream: Stream) -> None:
        self.address = stream.address
        capture = self._open()
        if not capture.isOpened():
            what = f"camera {self.address}" if isinstance(self.address, int) else str(self.address)
            raise VideoError(f"{what}: cannot be opened")
        super().__init__(capture)

    def frames(self) -> Iterator[Frame]:
        """Frames as they come; ``seconds`` since the first."""
        start = time.monotonic()
        index = 0
        while True:
            done, image = self._capture.read()
            if not done:
                if isinstance(self.address, int) or self.claimed is not None or not self._reconnect():
                    return
                continue
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), str(self.address), index, time.monotonic() - start)
            index += 1

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self.address, int):
            return cv2.VideoCapture(self.address)
        patience = (
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_MILLISECONDS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_MILLISECONDS,
        )
        return cv2.VideoCapture(self.address, cv2.CAP_FFMPEG, list(patience))

    def _reconnect(self) -> bool:
        self.broken += 1
        for pause in RECONNECT_PAUSES:
            self._capture.release()
            time.sleep(pause)
            self._capture = self._open()
            if self._capture.isOpened() and self._capture.grab():
                return True
        return False


class VideoWriter:
    """Writes an MPEG-4 video; all frames get the size of the first. Raises UserError when it cannot be written."""

    def __init__(self, path: Path, *, rate: float, size: Size) -> None:
        self.path, self.size, self.frames = path, size, 0
        height, width = size
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
