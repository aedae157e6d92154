"""What is recorded, played as it was: a frame is there when its time has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from yolov3.sources.frames import Frame, FrameSource
from yolov3.sources.instant import Instant
from yolov3.sources.videos import VideoFile

LONGEST_WAIT = 10.0  # seconds between two frames of a stream; its times are nonsense where they ask for more


class RealtimeVideo(FrameSource):
    """A video file played once at its own rate. A frame is ``captured`` when its time has come, also where decoding it took
    longer."""

    live = True

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._video = VideoFile(path)
        self._leaving = threading.Event()

    def open(self) -> None:
        self._video.open()
        self.rate, self.length = self._video.rate, self._video.length

    def close(self) -> None:
        self._video.close()

    def stop(self) -> None:
        self._leaving.set()

    def __iter__(self) -> Iterator[Frame]:
        start = Instant.now()
        for frame in self._video:
            due = start.later(frame.seconds or 0.0)
            if self._leaving.wait(max(0.0, due.monotonic - time.monotonic())):
                return
            self.broken = self._video.broken
            yield replace(frame, source=self.name, instant=due)
        self.broken, self.ended_after = self._video.broken, self._video.ended_after


class Pace:
    """When the frames of a stream that is sent in pieces of some seconds are due: by the times that they carry, counted from
    the first one, and anew from one that comes late or whose time cannot be."""

    def __init__(self) -> None:
        self._start: float | None = None

    def wait(self, seconds: float, now: float) -> float:
        """How long the frame of these ``seconds`` has to wait at the time ``now``."""
        if self._start is None or not 0 <= self._start + seconds - now <= LONGEST_WAIT:
            self._start = now - seconds
        return self._start + seconds - now
