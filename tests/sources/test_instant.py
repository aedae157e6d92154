"""A moment by two clocks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from yolov3.sources.frames import Frame
from yolov3.sources.instant import Instant


def test_a_moment_has_an_age():
    before = time.time()
    now = Instant.now()
    assert before <= now.unix <= time.time() and 0 <= now.age < 5
    assert now.later(-2).age == pytest.approx(2, abs=0.5)
    assert now.later(60).age == 0 and now.later(60).unix == now.unix + 60


def test_a_clock_that_is_set_changes_no_age():
    now = Instant.now()
    assert Instant(now.unix - 3600, now.monotonic).age < 5


def test_frames_that_are_not_live_have_none():
    image = np.zeros((2, 2, 3), np.uint8)
    assert Frame(image, "a").captured is None and Frame(image, "a").age is None
    live = Frame(image, "a", instant=Instant.now().later(-1))
    assert live.captured == live.instant.unix and live.age >= 1
