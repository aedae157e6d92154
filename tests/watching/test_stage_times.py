"""Where the time goes: what is spent within a stage is counted to it, also when it fails."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import get_args

import pytest

from yolov3.watching.stage_times import Stage, StageTimes

STAGES = get_args(Stage)


def test_every_stage_has_its_seconds():
    assert {field.name for field in fields(StageTimes)} == {*STAGES, "images"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_time_within_is_counted_to_the_stage_and_to_no_other(stage):
    times = StageTimes()
    start = time.perf_counter()
    for _ in range(2):
        with times.spent_in(stage):
            time.sleep(0.01)
    assert 0.02 <= getattr(times, stage) <= time.perf_counter() - start
    assert all(getattr(times, other) == 0 for other in STAGES if other != stage)


def test_the_time_of_what_fails_is_counted():
    times = StageTimes()
    with pytest.raises(OSError, match="gone"), times.spent_in("reading"):
        time.sleep(0.01)
        raise OSError("gone")
    assert times.reading >= 0.01


def test_stages_within_stages_count_twice():
    times = StageTimes()
    with times.spent_in("network"):
        with times.spent_in("selecting"):
            time.sleep(0.01)
        time.sleep(0.01)
    assert times.network >= times.selecting + 0.01 >= 0.02


def test_averages_of_an_image():
    times = StageTimes(reading=1.0, fitting=0.5, network=2.0, selecting=0.25, writing=0.25, images=8)
    assert times.images_per_second == 2.0
    assert [times.milliseconds(stage) for stage in STAGES] == [125, 62.5, 250, 31.25, 31.25]


def test_nothing_done_is_no_division_by_zero():
    times = StageTimes()
    assert times.images_per_second == 0 and times.milliseconds("network") == 0
    assert StageTimes(images=3).images_per_second > 0


def test_the_times_of_a_batch_are_added() -> None:
    times = StageTimes(reading=1.0, network=2.0, images=3)
    times.add(StageTimes(network=0.5, selecting=0.25, images=2))
    assert times == StageTimes(reading=1.0, network=2.5, selecting=0.25, images=5)


def test_of_several_processes_at_once_the_seconds_that_passed():
    times = StageTimes(reading=2.0, network=6.0, images=8)
    times.share(2)
    assert (times.reading, times.network, times.images) == (1.0, 3.0, 8) and times.images_per_second == 2.0
