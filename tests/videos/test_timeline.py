"""A video of live frames lasts as long as what it shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.videos.timeline import LONGEST_STILL, Timeline


def test_frames_at_the_rate_come_once():
    timeline = Timeline(25.0)
    assert [timeline.times(3 + number / 25) for number in range(100)] == [1] * 100


def test_what_was_passed_over_is_filled_and_what_is_too_much_is_left_out():
    slow = Timeline(25.0)
    assert [slow.times(number / 5) for number in range(10)] == [1, *[5] * 9]
    fast = Timeline(25.0)
    assert sum(fast.times(number / 100) for number in range(1001)) == 251


def test_a_long_gap_is_cut_short():
    timeline = Timeline(10.0)
    assert [timeline.times(seconds) for seconds in (0.0, 600.0, 600.1, 600.3)] == [1, 10 * LONGEST_STILL, 1, 2]


@given(st.floats(5.0, 120.0), st.lists(st.floats(0.0, 4.5), min_size=1, max_size=60))
def test_it_is_never_off_by_more_than_a_frame(rate, pauses):
    timeline, seconds = Timeline(rate), 0.0
    written = timeline.times(0.0)
    for pause in pauses:
        seconds += pause
        written += timeline.times(seconds)
        assert written / rate == pytest.approx(seconds + 1 / rate, abs=0.51 / rate)
