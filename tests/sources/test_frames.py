"""A source is entered before it is used and left whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.sources.frames import Frame, FrameSource, SourceError, Unusable


class Told(FrameSource):
    """Writes down what is done with it."""

    name = "told"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.story: list[str] = []

    def open(self) -> None:
        self.story.append("open")
        if self.fails:
            raise SourceError("told: cannot be opened")

    def close(self) -> None:
        self.story.append("close")

    def __iter__(self) -> Iterator[Frame | Unusable]:
        yield Frame(np.zeros((1, 1, 3), np.uint8), self.name)
        yield Unusable("told: no more")


def test_a_source_is_opened_gone_through_and_closed():
    with Told() as source:
        assert [type(each) for each in source] == [Frame, Unusable]
    assert source.story == ["open", "close"]


def test_it_is_closed_after_a_failure_and_the_failure_goes_on():
    source = Told()
    with pytest.raises(KeyboardInterrupt), source:
        raise KeyboardInterrupt
    assert source.story == ["open", "close"]


def test_what_cannot_be_opened_is_a_line_for_the_user():
    source = Told(fails=True)
    with pytest.raises(UserError, match="told: cannot be opened"), source:
        raise AssertionError("must not be entered")
    assert source.story == ["open"]


def test_unless_it_says_more_a_source_is_images_that_nobody_counted():
    assert (Told.rate, Told.length, Told.live, Told.broken) == (None, None, False, 0)
    frame = Frame(np.zeros((1, 1, 3), np.uint8), "x.jpg")
    assert (frame.index, frame.seconds, frame.damaged) == (None, None, False)
    with pytest.raises(NotImplementedError):
        iter(FrameSource())
