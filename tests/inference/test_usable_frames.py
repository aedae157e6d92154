"""Whoever goes through a source gets its usable frames, and is told of the others."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from yolov3.inference.prepared import prepare
from yolov3.inference.usable_frames import prepared_batches, usable_frames, what_broke
from yolov3.sources.frames import Frame, FrameSource, Unusable
from yolov3.structures import Preprocessing
from yolov3.watching.stage_times import StageTimes

IMAGE = np.zeros((2, 3, 3), np.uint8)
ITEMS = (Frame(IMAGE, "a"), Unusable("b: is gone"), Frame(IMAGE, "c", damaged=True), Frame(IMAGE, "d"))


class Items(FrameSource):
    """A source of these things, which counts how many it was asked for."""

    name = "items"

    def __init__(self, *, live: bool = False, broken: int = 0, lost: bool = False) -> None:
        self.live, self.broken, self.lost = live, broken, lost
        self.asked = 0

    def __iter__(self) -> Iterator[Frame | Unusable]:
        for item in ITEMS:
            self.asked += 1
            yield item


@pytest.fixture
def told() -> list[str]:
    return []


def test_the_others_are_told(told):
    frames = usable_frames(Items(), unusable=told.append, damaged=lambda line: told.append(f"damaged: {line}"))
    assert [frame and frame.source for frame in frames] == ["a", None, "c", "d"]
    assert told == ["b: is gone", "damaged: c: the file is cut off; what there is was looked at"]


def test_no_more_is_read_than_is_wanted(told):
    source = Items()
    frames = usable_frames(source, unusable=told.append, damaged=told.append)
    assert len(list(itertools.islice(frames, 1))) == 1 and source.asked == 1


def batches_of(source: Items, told: list[str], times: StageTimes):
    frames = usable_frames(source, unusable=told.append, damaged=told.append)
    return prepared_batches(frames, source, 2, lambda images: prepare(images, Preprocessing(size=(32, 64))), times)


def test_frames_go_in_batches(told):
    """One that cannot be used moves no others."""
    times = StageTimes()
    batches = list(batches_of(Items(), told, times))
    assert [len(batch) for batch, _ in batches] == [len(prepared) for _, prepared in batches] == [1, 2]
    assert [[frame.source for frame in batch] for batch, _ in batches] == [["a"], ["c", "d"]]
    assert times.reading > 0 and times.images == 0


def test_who_leaves_early_leaves_no_thread_behind(told):
    before = threading.active_count()
    batches = batches_of(Items(), told, StageTimes())
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_what_goes_wrong_ahead_is_raised_where_it_is_waited_for(told):
    def fail(images):
        raise MemoryError("no room")

    source = Items()
    frames = usable_frames(source, unusable=told.append, damaged=told.append)
    with pytest.raises(MemoryError, match="no room"):
        next(prepared_batches(frames, source, 2, fail, StageTimes()))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (Items(), None),
        (Items(live=True), None),
        (Items(broken=1), "items: 1 damaged frame passed over"),
        (Items(live=True, broken=2), "items: the connection broke 2 times"),
        (Items(live=True, broken=2, lost=True), "items: the connection broke 2 times, and did not come back"),
    ],
    ids=["well", "live", "damaged", "broken", "lost"],
)
def test_what_broke_is_a_line(source, line):
    assert what_broke(source) == line


def test_of_a_recording_that_is_played_frames_are_damaged_and_no_connection():
    source = Items(live=True, broken=1)
    source.length = 10
    assert what_broke(source) == "items: 1 damaged frame passed over"
