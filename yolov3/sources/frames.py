"""What every source gives: frames, one after the other, at a rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from yolov3.errors import UserError


@dataclass(frozen=True)
class Frame:
    """An image to look at: ``image`` (H, W, 3) uint8 RGB, where it is from (a path, an address), for a video which frame
    it is (from 0) and at how many seconds, and whether a part of it is missing."""

    image: np.ndarray
    source: str
    index: int | None = None
    seconds: float | None = None
    damaged: bool = False


@dataclass(frozen=True)
class Unusable:
    """A file of a source that cannot be used: a line that names it and says why."""

    reason: str


class SourceError(UserError):
    """A source that cannot be used."""


class FrameSource:
    """An iterator of frames, to be entered before it is used and left afterwards.

    ``rate``: frames a second, None for images that have nothing to do with each other; ``length``: how many frames it
    claims to have, None where nobody knows; ``live``: its frames are to be shown as they come; ``broken``: frames that
    could not be decoded so far; ``ended_after``: so many frames, where it ended long before it should. Entering raises
    SourceError when it cannot be opened.
    """

    name: str
    rate: float | None = None
    length: int | None = None
    live: bool = False
    broken: int = 0
    ended_after: int | None = None

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

    def __iter__(self) -> Iterator[Frame | Unusable]:
        """The frames in order. Raises SourceError when there is none."""
        raise NotImplementedError
