"""Requests gathered into batches: a thread takes what has come and lets it go through the network together.

It never waits for what may come some day: only while other requests are being read and decoded, and no longer than a few
milliseconds. So one client alone waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from yolov3.detections import Detections
from yolov3.selecting.postprocess import Selection

Detect = Callable[[Sequence[np.ndarray], Selection], list[Detections]]
"""Images (H, W, 3) uint8 RGB of any sizes, and the rules for all of them, to what is in each."""


class Full(Exception):
    """There is no place for one more request."""


@dataclass(frozen=True)
class _Waiting:
    image: np.ndarray
    selection: Selection
    answer: Future[Detections]


class Batching:
    """At most ``most`` images go through ``detect`` together, and at most ``places`` requests are in the house at a time,
    those included that are being read. ``seen`` is told of each batch: its size and the seconds that it took."""

    def __init__(
        self,
        detect: Detect,
        *,
        most: int,
        places: int,
        gather: float,
        seen: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._detect, self._most, self._places, self._gather, self._seen = detect, most, places, gather, seen
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._inside = 0  # requests that have a place
        self._working = 0  # of these at work or waiting for it
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    @property
    def inside(self) -> int:
        """How many requests have a place now."""
        return self._inside

    @property
    def works(self) -> bool:
        """Whether requests are still answered."""
        return self._thread.is_alive() and not self._ended

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the house, from a request's first byte to its answer. Raises Full."""
        with self._changed:
            if self._inside >= self._places or self._ended:
                raise Full
            self._inside += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def submit(self, image: np.ndarray, selection: Selection) -> Future[Detections]:
        """What will be found in an (H, W, 3) uint8 RGB image. Who gives it up cancels it; what has a place is answered, also
        while the house is being closed."""
        answer: Future[Detections] = Future()
        with self._changed:
            self._waiting.append(_Waiting(image, selection, answer))
            self._working += 1
            self._changed.notify_all()
        return answer

    def close(self) -> None:
        """Take no more, and wait until all that has come is answered."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            start = time.perf_counter()
            try:
                found = self._detect([each.image for each in batch], batch[0].selection)
                for each, detections in zip(batch, found, strict=True):
                    each.answer.set_result(detections)
            except BaseException as error:  # it is raised where the answers are awaited
                for each in batch:
                    if not each.answer.done():
                        each.answer.set_exception(error)
            self._seen(len(batch), time.perf_counter() - start)
            with self._changed:
                self._working -= len(batch)

    def _next_batch(self) -> list[_Waiting]:
        """What goes through the network next, all by the same rules; nothing at the end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or (self._ended and not self._inside))
                if not self._waiting:
                    return []
                deadline = time.monotonic() + self._gather
                while len(self._waiting) < self._most and self._inside > self._working:  # others are on their way
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
                batch = self._take()
                if batch:
                    return batch

    def _take(self) -> list[_Waiting]:
        """The first that waits, and those by the same rules, in their order; without those that nobody waits for any more."""
        batch: list[_Waiting] = []
        others: deque[_Waiting] = deque()
        for each in self._waiting:
            if len(batch) == self._most or (batch and each.selection != batch[0].selection):
                others.append(each)
            elif each.answer.set_running_or_notify_cancel():
                batch.append(each)
            else:
                self._working -= 1
        self._waiting = others
        return batch
