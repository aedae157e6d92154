"""A live source that a test gives its frames."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from yolov3.sources.frames import Frame, FrameSource, SourceError
from yolov3.sources.instant import Instant


class Fed(FrameSource):
    """Gives the frames, one after the other, that it is fed with; None ends it, what is an error is raised. ``released``:
    it was closed, by the thread that read it."""

    live = True
    rate = 25.0

    def __init__(self, name: str = "camera", *, waits: bool = False, opens: bool = True) -> None:
        self.name, self.waits, self.opens = name, waits, opens
        self.things: queue.Queue[np.ndarray | BaseException | Callable[[], None] | None] = queue.Queue()
        self.given = 0
        self.released: str | None = None

    def feed(self, *values: int) -> None:
        for value in values:
            self.things.put(np.full((64, 64, 3), value, np.uint8))

    def open(self) -> None:
        if not self.opens:
            raise SourceError(f"{self.name}: cannot be opened")

    def close(self) -> None:
        self.released = threading.current_thread().name

    def stop(self) -> None:
        self.things.put(None)

    def __iter__(self) -> Iterator[Frame]:
        while (thing := self.things.get()) is not None:
            if isinstance(thing, BaseException):
                raise thing
            if callable(thing):
                thing()
                continue
            yield Frame(thing, self.name, self.given, 0.0, instant=Instant.now())
            self.given += 1


@pytest.fixture(scope="session")
def fed() -> type[Fed]:
    """Makes live sources that are fed."""
    return Fed


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits until something is so."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "it never came to that"
            time.sleep(0.002)

    return wait
