"""What is counted of a stream, and how it is said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from yolov3.sources.frames import Frame
from yolov3.sources.instant import Instant
from yolov3.streams.counts import STAGES, StreamCounts

IMAGE = np.zeros((2, 2, 3), np.uint8)


def test_frames_gaps_and_delays_are_summed_up():
    counts = StreamCounts(reconnects=1)
    for number in range(100):
        passed_over = 2 if number else 0
        counts.add(
            Frame(IMAGE, "a", 3 * number, instant=Instant(9.0, 1000 + number / 10), passed_over=passed_over),
            number / 100,
        )
    counts.stages["network"].add(0.04)
    summary = counts.summary("rtsp://camera/1")
    assert (summary.frames, summary.passed_over, summary.reconnects, summary.frozen) == (100, 198, 1, 0)
    assert summary.rate == pytest.approx(10) and summary.seconds == pytest.approx(9.9)
    assert summary.delay == pytest.approx(0.49, rel=0.02) and summary.late_delay == pytest.approx(0.94, rel=0.02)
    assert summary.stages["network"] == pytest.approx(0.04, rel=0.01) and math.isnan(summary.stages["waiting"])
    assert tuple(summary.stages) == STAGES
    line = "rtsp://camera/1: 100 frames, 198 passed over, 1 reconnect, delay 4"
    assert summary.line().startswith(line) and summary.line().endswith(" ms")


def test_of_nothing_there_is_nothing_to_say():
    summary = StreamCounts().summary("a")
    assert summary.rate == 0 and math.isnan(summary.delay)
    assert summary.line() == "a: 0 frames, 0 passed over, 0 reconnects"
