"""What several streams have new comes together, at most one frame of each, and nobody waits for one that is slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.machine.resident import held_memory
from yolov3.sources.frames import Frame, FrameSource, Note, SourceError
from yolov3.sources.instant import Instant
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams import reader, together
from yolov3.streams.together import Moment, Streams


def values(moment: Moment) -> dict[str, int]:
    return {frame.source: int(frame.image[0, 0, 0]) for frame in moment.frames}


def test_what_all_have_new_comes_together(fed, until):
    sources = [fed(name) for name in "abc"]
    for number, source in enumerate(sources):
        source.feed(number)
    with Streams(sources) as streams:
        until(lambda: all(reader.has_frame for reader in streams._all))
        moments = iter(streams)
        assert values(next(moments)) == {"a": 0, "b": 1, "c": 2}
        sources[1].feed(7)
        assert values(next(moments)) == {"b": 7}, "who has nothing holds nobody up"


def test_one_that_sends_frames_is_waited_for_some_milliseconds(fed, until, monkeypatch):
    monkeypatch.setattr(together, "GATHER_SECONDS", 10.0)
    first, second = fed("a"), fed("b")
    first.feed(1)
    second.feed(1)
    with Streams([first, second]) as streams:
        until(lambda: all(reader.has_frame for reader in streams._all))
        moments = iter(streams)
        next(moments)
        first.feed(2)
        threading.Timer(0.1, second.feed, (2,)).start()
        assert values(next(moments)) == {"a": 2, "b": 2}
        monkeypatch.setattr(together, "FLOWING_SECONDS", 0.0)
        start = time.monotonic()
        first.feed(3)
        assert values(next(moments)) == {"a": 3} and time.monotonic() - start < 5, "one that fell silent is not"


def test_ends_are_told_with_the_last_frames(fed, until):
    ends, breaks, never, goes_on = fed("a"), fed("b"), fed("c", opens=False), fed("d")
    ends.feed(1)
    ends.stop()
    breaks.feed(2)
    breaks.things.put(SourceError("b: broken"))
    ended, frames = {}, {}
    with Streams([ends, breaks, never, goes_on]) as streams:
        for moment in streams:
            frames |= values(moment)
            ended |= {each.source.name: (each.problem, each.damage) for each in moment.ended}
            if len(ended) == 3 and not goes_on.given:
                goes_on.feed(3)
                goes_on.stop()
    assert frames in ({"a": 1, "b": 2, "d": 3}, {"a": 1, "d": 3, "b": 2})
    assert ended == {"a": (None, None), "b": (None, "b: broken"), "c": ("c: cannot be opened", None), "d": (None, None)}
    assert all(source.released for source in (ends, breaks, goes_on))


def test_what_nobody_has_foreseen_is_raised(fed):
    source = fed()
    source.things.put(ZeroDivisionError("ours"))
    with Streams([source, fed("other")]) as streams, pytest.raises(ZeroDivisionError, match="ours"):
        list(streams)


def test_notes_come_once_and_without_a_frame(fed, until):
    source = fed()
    source.things.put(lambda: source.tell(Note("camera: broke")))
    with Streams([source]) as streams:
        moments = iter(streams)
        assert next(moments) == Moment(notes=(Note("camera: broke"),))
        source.feed(1)
        assert values(next(moments)) == {"camera": 1}


def test_sources_of_one_name_get_numbers(fed):
    sources = [fed("a"), fed("a"), fed("a (2)"), fed("a")]
    for source in sources:
        source.feed(1)
        source.stop()
    with Streams(sources) as streams:
        frames = [frame for moment in streams for frame in moment.frames]
    names = {source.name for source in sources}
    assert len(names) == 4 and {frame.source for frame in frames} == names
    assert sources[0].name == "a" and sources[2].name == "a (2)"


def test_a_source_that_is_left_ends_and_the_others_do_not(fed):
    first, second = fed("a"), fed("b")
    first.feed(1)
    with Streams([first, second]) as streams:
        moments = iter(streams)
        next(moments)
        streams.leave("a")
        assert [each.source for each in next(moments).ended] == [first]
        first.feed(2)
        second.feed(3)
        assert values(next(moments)) == {"b": 3}


def test_a_stuck_library_holds_nobody_up_and_is_told(fed, monkeypatch):
    monkeypatch.setattr(together, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(reader, "STUCK_SECONDS", 0.3)
    stuck, never = fed("stuck"), threading.Event()

    def hang() -> None:
        stuck.calling_since = time.monotonic()
        never.wait(60)

    stuck.feed(1)
    stuck.things.put(hang)
    with Streams([stuck]) as streams:
        moments = list(streams)
        start = time.monotonic()
    assert time.monotonic() - start < 2, "nor on the way out"
    assert [each.damage for each in moments[-1].ended] == ["stuck: has not answered for 0 s"]
    never.set()


def test_every_frame_of_a_slow_and_a_fast_one(fed):
    """Nothing is lost, nothing comes twice, each in its order."""
    sources = [fed(name) for name in "ab"]
    for source in sources:
        source.feed(*range(100))
        source.stop()
    with Streams(sources, StreamOptions("every")) as streams:
        seen: dict[str, list[int]] = {"a": [], "b": []}
        for moment in streams:
            for name, value in values(moment).items():
                seen[name].append(value)
    assert seen == {"a": list(range(100)), "b": list(range(100))}


@settings(max_examples=15)
@given(st.lists(st.lists(st.sampled_from((0.0, 0.0005, 0.003)), max_size=25), min_size=1, max_size=4))
def test_seen_and_passed_over_are_all_there_were(pauses):
    class Paced(FrameSource):
        live = True

        def __init__(self, name: str, pauses: list[float]) -> None:
            self.name, self.pauses = name, pauses

        def __iter__(self) -> Iterator[Frame]:
            for number, pause in enumerate(self.pauses):
                time.sleep(pause)
                yield Frame(np.full((4, 4, 3), number, np.uint8), self.name, number, instant=Instant.now())

    sources = [Paced(str(number), each) for number, each in enumerate(pauses)]
    last = dict.fromkeys((source.name for source in sources), -1)
    ended = []
    with Streams(sources) as streams:
        for moment in streams:
            assert len({frame.source for frame in moment.frames}) == len(moment.frames)
            for frame in moment.frames:
                assert frame.index == last[frame.source] + 1 + frame.passed_over
                last[frame.source] = frame.index
            ended += [each.source.name for each in moment.ended]
    assert list(last.values()) == [len(each) - 1 for each in pauses]
    assert sorted(ended) == sorted(last)


@pytest.mark.slow
def test_two_hours_of_four_cameras_take_no_more_memory_than_a_minute():
    """720 000 frames as fast as they go, with connections that break every hundred."""

    class Camera(FrameSource):
        live, rate, count = True, 25.0, 2 * 3600 * 25

        def __init__(self, name: str) -> None:
            self.name = name

        def __iter__(self) -> Iterator[Frame]:
            for number in range(self.count):
                if number % 100 == 99:
                    self.broken += 1
                    self.tell(Note(f"{self.name}: broke"))
                image = np.full((96, 128, 3), number % 251, np.uint8)
                yield Frame(image, self.name, number, number / 25, instant=Instant.now())

    sources = [Camera(name) for name in "abcd"]
    frames, held = 0, []
    with Streams(sources, StreamOptions("every")) as streams:
        for moment in streams:
            frames += len(moment.frames)
            if frames // 6000 > len(held):
                held.append(held_memory())
    assert frames == 4 * Camera.count and all(source.broken == 1800 for source in sources)
    print(f"after a minute {held[0] / 1e6:.1f} MB, at the end {held[-1] / 1e6:.1f} MB")
    assert held[-1] - held[0] < 4e6


def test_one_that_has_ended_with_its_last_frame_may_be_left_all_the_same(fed, until):
    """As whoever wants so many frames does, of which that was the last."""
    source = fed("a")
    source.feed(1)
    source.stop()
    with Streams([source]) as streams:
        until(lambda: streams._all[0].has_frame and streams._all[0]._read)
        (moment,) = streams
        assert values(moment) == {"a": 1} and len(moment.ended) == 1
        streams.leave("a")
