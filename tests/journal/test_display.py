"""Times of an epoch: what its steps took, what of that was waiting."""

from __future__ import annotations

import pytest

from yolov3.journal import display


def test_the_stopwatch_counts_steps_and_waiting_but_not_what_follows(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(display.time, "perf_counter", lambda: now[0])
    watch = display.Stopwatch()
    assert watch.images_per_second == watch.wait_share == watch.seconds == 0
    for waiting, computing in ((1.0, 2.0), (0.5, 1.5)):
        now[0] += waiting
        watch.data_arrived(16)
        now[0] += computing
        watch.step_done()
    now[0] += 60.0  # the evaluation
    assert watch.seconds == pytest.approx(5.0)
    assert watch.images_per_second == pytest.approx(32 / 5)
    assert watch.wait_share == pytest.approx(1.5 / 5)
