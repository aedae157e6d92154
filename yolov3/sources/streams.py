"""Cameras and streams, as they come."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from yolov3.machine.opencv_messages import opencv_silenced
from yolov3.sources.address import without_login
from yolov3.sources.capture import CaptureSource
from yolov3.sources.frames import Frame, Note, SourceError
from yolov3.sources.instant import Instant
from yolov3.sources.realtime import Pace
from yolov3.sources.stream_options import StreamOptions
from yolov3.sources.web import suffix_of
from yolov3.watching.words import duration

OPEN_MILLISECONDS, READ_MILLISECONDS = 15_000, 15_000  # patience with a call of OpenCV
RECONNECT_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds; then always the last
STEADY_SECONDS = 10.0  # a connection that lasted so long begins with the first pause again
PLAYLISTS = frozenset((".m3u8", ".mpd"))  # their streams come in pieces of some seconds
MISSING_SHARE, MISSING_FRAMES = 0.02, 2  # counts of frames are often wrong by some


class LiveStream(CaptureSource):
    """The frames of a camera (its number) or of an address until it ends, their ``seconds`` counted from the first. A
    broken connection is made again, with growing pauses, and counted, until that has failed for ``options.patience``
    seconds. An address may also be that of a file, which has a length and an end; with ``options.realtime`` it is played at
    its own rate. ``name`` and the frames' ``source`` are the address without user and password."""

    live = True

    def __init__(self, address: int | str, options: StreamOptions | None = None) -> None:
        self.address, self.name = address, without_login(str(address))
        self.options = options or StreamOptions()
        self._leaving = threading.Event()
        self._tries, self._connected = 0, -math.inf

    def open(self) -> None:
        capture = self._connect()
        if not capture.isOpened():
            raise SourceError(f"{self._called}: cannot be opened")
        self.take(capture)
        self.waits = self.length is not None and not self.options.realtime
        self._connected = time.monotonic()

    def stop(self) -> None:
        self._leaving.set()

    def __iter__(self) -> Iterator[Frame]:
        start = time.monotonic()
        index = 0
        pace = Pace() if self._comes_in_pieces() else None
        while not self._leaving.is_set():
            image, instant = self._read_with_time()
            if image is None:
                if self.length is not None or not self._reconnect():
                    break
                continue
            if pace is not None:
                wait = pace.wait(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, time.monotonic())
                if self._leaving.wait(wait):
                    return
                instant = Instant.now()
            yield Frame(image, self.name, index, time.monotonic() - start, instant=instant)
            index += 1
        if self._leaving.is_set():
            return
        if index == 0:
            raise SourceError(f"{self._called}: not a single frame came")
        if self.length is not None and self.length - index > max(MISSING_FRAMES, MISSING_SHARE * self.length):
            self.ended_after = index

    @property
    def _called(self) -> str:
        return f"camera {self.name}" if isinstance(self.address, int) else self.name

    def _comes_in_pieces(self) -> bool:
        if self.length is not None:
            return self.options.realtime
        return isinstance(self.address, str) and suffix_of(self.address) in PLAYLISTS

    @contextmanager
    def _within_opencv(self) -> Iterator[None]:
        self.calling_since = time.monotonic()
        try:
            with opencv_silenced():
                yield
        finally:
            self.calling_since = None

    def _read_with_time(self) -> tuple[np.ndarray | None, Instant]:
        """The next frame, or None, and when it was there. What OpenCV raises about bytes that are no image is as good as
        nothing."""
        with self._within_opencv():
            try:
                if not self._capture.grab():
                    return None, Instant.now()
                instant = Instant.now()
                done, image = self._capture.retrieve()
            except cv2.error:
                return None, Instant.now()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if done else None, instant

    def _connect(self) -> cv2.VideoCapture:
        with self._within_opencv():
            return self._capture_of_address()

    def _capture_of_address(self) -> cv2.VideoCapture:
        if isinstance(self.address, int):
            capture = cv2.VideoCapture(self.address)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # of several the oldest would come first; not every driver listens
            return capture
        patience = (
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_MILLISECONDS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_MILLISECONDS,
            cv2.CAP_PROP_N_THREADS,
            1,  # with several, FFmpeg holds back a frame for each
        )
        return cv2.VideoCapture(self.address, cv2.CAP_FFMPEG, list(patience))

    def _reconnect(self) -> bool:
        """Whether frames come again."""
        self.broken += 1
        broke, patience = time.monotonic(), self.options.patience
        if broke - self._connected >= STEADY_SECONDS:
            self._tries = 0
        self.tell(Note(f"{self._called}: the connection broke; it is tried again for {duration(patience)}"))
        while (left := broke + patience - time.monotonic()) > 0:
            pause = RECONNECT_PAUSES[min(self._tries, len(RECONNECT_PAUSES) - 1)]
            self._tries += 1
            self._capture.release()
            if self._leaving.wait(min(pause, left)):
                return False
            self._capture = self._connect()
            if self._is_alive():
                self._connected = time.monotonic()
                self.tell(Note(f"{self._called}: is back after {duration(self._connected - broke)}", warning=False))
                return True
        self.lost = True
        return False

    def _is_alive(self) -> bool:
        with self._within_opencv():
            return self._capture.isOpened() and self._capture.grab()
