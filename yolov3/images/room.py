"""How much is decoded at a time: threads that read large images wait for each other, so that their decoders' memory is
bounded by that of the largest image, however many there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_PIXELS = 100_000_000
"""Of the images that are decoded at the same time in a process. A decoder and what is made of its pixels take at most
twelve bytes for each, three of which are the image that stays."""


class Room:
    """A number of pixels that is shared out, in turn: who needs many is not overtaken by those who need few. Nobody who
    waits holds any, so nobody waits for ever."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        self.process = os.getpid()
        self._free = pixels
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Within it so many pixels are taken, all that there are where it would be more; before it they are waited for."""
        share = min(pixels, self.pixels)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()


_room = Room(MOST_PIXELS)


@contextmanager
def pixels_in_work(pixels: int) -> Iterator[None]:
    """Within it an image of so many pixels is decoded."""
    global _room
    if (
        _room.process != os.getpid()
    ):  # a forked process has its own memory, and none of the threads that would give back
        _room = Room(MOST_PIXELS)
    with _room.taken(pixels):
        yield
