"""Cameras and streams, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from yolov3.machine.opencv_messages import opencv_silenced
from yolov3.sources.address import without_login
from yolov3.sources.capture import CaptureSource
from yolov3.sources.frames import Frame, SourceError

OPEN_MILLISECONDS, READ_MILLISECONDS = 15_000, 15_000  # patience with a stream
RECONNECT_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds


class LiveStream(CaptureSource):
    """The frames of a camera (its number) or of an address until it ends, their ``seconds`` counted from the first. A
    broken connection is made again, with growing pauses, and counted. An address may also be that of a file, which has a
    length and an end. ``name`` and the frames' ``source`` are the address without user and password."""

    live = True

    def __init__(self, address: int | str) -> None:
        self.address, self.name = address, without_login(str(address))

    def open(self) -> None:
        capture = self._connect()
        if not capture.isOpened():
            raise SourceError(f"{self._called}: cannot be opened")
        self.take(capture)

    def __iter__(self) -> Iterator[Frame]:
        start = time.monotonic()
        index = 0
        while True:
            image = self.read()
            if image is None:
                if isinstance(self.address, int) or self.length is not None or not self._reconnect():
                    break
                continue
            yield Frame(image, self.name, index, time.monotonic() - start)
            index += 1
        if index == 0:
            raise SourceError(f"{self._called}: not a single frame came")

    @property
    def _called(self) -> str:
        return f"camera {self.name}" if isinstance(self.address, int) else self.name

    def _connect(self) -> cv2.VideoCapture:
        with opencv_silenced():
            return self._capture_of_address()

    def _capture_of_address(self) -> cv2.VideoCapture:
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
            self._capture = self._connect()
            if self._capture.isOpened() and self._capture.grab():
                return True
        return False
