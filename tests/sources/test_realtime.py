"""A recording is played at its own rate, and what comes in pieces is spread over their time."""

from __future__ import annotations

import threading
import time

import pytest

from yolov3.sources.frames import SourceError
from yolov3.sources.realtime import LONGEST_WAIT, Pace, RealtimeVideo


def test_a_frame_is_there_when_its_time_has_come(write_avi, frame_number):
    with RealtimeVideo(write_avi(count=12, rate=12.5).path) as source:
        assert source.live and source.rate == 12.5 and source.length == 12 and not source.waits
        start, clock = time.monotonic(), time.time()
        frames, late = [], []
        for frame in source:
            late.append(time.monotonic() - start - frame.index / 12.5)
            frames.append(frame)
    assert [frame_number(frame.image) for frame in frames] == list(range(12))
    assert min(late) >= -0.001 and sorted(late)[6] < 0.1
    for frame in frames:
        assert frame.captured == pytest.approx(clock + frame.index / 12.5, abs=0.1) and frame.source == source.name


def test_who_stops_does_not_wait_for_the_next_frame(write_avi):
    with RealtimeVideo(write_avi(count=5, rate=0.05).path) as source:
        threading.Timer(0.2, source.stop).start()
        start = time.monotonic()
        assert len(list(source)) == 1
    assert time.monotonic() - start < 10


def test_what_is_wrong_with_the_file_is_told(write_avi, tmp_path):
    avi = write_avi(count=10, rate=100.0)
    avi.break_frames(4)
    with RealtimeVideo(avi.path) as source:
        assert len(list(source)) == 9 and source.broken == 1 and source.ended_after is None
    with RealtimeVideo(write_avi("half.avi", count=40, rate=100.0).cut_off(20)) as source:
        assert len(list(source)) == source.ended_after
    with pytest.raises(SourceError, match="does not exist"):
        RealtimeVideo(tmp_path / "none.mp4").open()


def test_pieces_are_spread_and_what_is_late_or_cannot_be_begins_anew():
    pace = Pace()
    assert pace.wait(3.0, now=100.0) == 0, "the first is the beginning, whatever it says"
    assert [pace.wait(3.0 + seconds, now=100.0) for seconds in (0.5, 1.0, 2.0)] == pytest.approx([0.5, 1.0, 2.0])
    assert pace.wait(5.5, now=110.0) == 0, "late: shown at once"
    assert pace.wait(6.0, now=110.0) == pytest.approx(0.5), "and those behind it in their distance"
    assert pace.wait(7.0 + LONGEST_WAIT, now=110.0) == 0
    assert pace.wait(0.0, now=111.0) == 0
    assert pace.wait(0.04, now=111.0) == pytest.approx(0.04)
