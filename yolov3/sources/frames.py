"""What every source gives: frames, one after the other, at a rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from yolov3.errors import UserError
from yolov3.sources.instant import Instant


@dataclass(frozen=True)
class Frame:
    """An image to look at: ``image`` (H, W, 3) uint8 RGB, where it is from (a path, an address), for a video which frame
    it is (from 0) and at how many seconds, and whether a part of it is missing. Of a live source also the ``instant`` when
    it was captured, which is when it left the decoder or its time had come, and how many frames of the source were
    ``passed_over`` since the last one that was looked at."""

    image: np.ndarray
    source: str
    index: int | None = None
    seconds: float | None = None
    damaged: bool = False
    instant: Instant | None = None
    passed_over: int = 0

    @property
    def captured(self) -> float | None:
        """When a live frame was captured, in seconds since 1970."""
        return None if self.instant is None else self.instant.unix

    @property
    def age(self) -> float | None:
        """The seconds since a live frame was captured."""
        return None if self.instant is None else self.instant.age


@dataclass(frozen=True)
class Unusable:
    """A file of a source that cannot be used: a line that names it and says why."""

    reason: str


@dataclass(frozen=True)
class Note:
    """A line about what happens to a source while it is read, and whether that is something to beware of."""

    line: str
    warning: bool = True


class SourceError(UserError):
    """A source that cannot be used."""


class FrameSource:
    """An iterator of frames, to be entered before it is used and left afterwards.

    ``rate``: frames a second, None for images that have nothing to do with each other; ``length``: how many frames it
    claims to have, None where nobody knows; ``live``: its frames are to be shown as they come; ``broken``: frames that
    could not be decoded so far, of a live source how often its connection broke; ``ended_after``: so many frames, where it
    ended long before it should. Entering raises SourceError when it cannot be opened.

    A live source is read by a thread of its own. ``waits``: its frames stay until they are asked for, as those of a file do;
    ``lost``: it ended because its connection did not come back; ``calling_since``: since when (``time.monotonic``) it has been
    within a library that may never return. What happens to it is told to ``tell``.
    """

    name: str
    rate: float | None = None
    length: int | None = None
    live: bool = False
    broken: int = 0
    ended_after: int | None = None
    waits: bool = False
    lost: bool = False
    calling_since: float | None = None
    tell: Callable[[Note], None] = staticmethod(lambda note: None)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""

    def stop(self) -> None:
        """Let the frames end soon. Another thread may ask for it."""

    def __iter__(self) -> Iterator[Frame | Unusable]:
        """The frames in order. Raises SourceError when there is none."""
        raise NotImplementedError
