"""Reliability beside counting by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from yolov3.analysis.calibration import ScoreBin, calibrate


def test_by_counting(world) -> None:
    matching = world.match(*world.random(3, images=30))
    calibration = calibrate(matching, (0.4, 0.5, 0.6))
    rows = [
        (score, bool(right), label)
        for score, right, ignored, label in zip(
            matching.found.score.round(6), matching.right[0], matching.ignored[0], matching.found.label
        )
        if not ignored
    ]
    error = 0.0
    for place, one in enumerate(calibration.bins):
        own = [r for r in rows if place / 10 <= r[0] < (place + 1) / 10 or (place == 9 and r[0] == 1)]
        assert one.count == len(own) and (one.low, one.high) == (place / 10, (place + 1) / 10)
        if own:
            assert one.mean_score == pytest.approx(np.mean([r[0] for r in own]), abs=1e-6)
            assert one.share_right == pytest.approx(np.mean([r[1] for r in own]))
            error += len(own) / len(rows) * abs(one.mean_score - one.share_right)
    assert sum(one.count for one in calibration.bins) == len(rows)
    assert calibration.expected_error == pytest.approx(error) and error > 0.05
    above = [r for r in rows if r[0] > (0.4, 0.5, 0.6)[r[2]]]
    assert calibration.count_above == len(above)
    assert calibration.gap == pytest.approx(np.mean([r[0] - r[1] for r in above]), abs=1e-6)


def test_by_hand(world) -> None:
    boxes = [[0, 0, 40, 40], [100, 0, 140, 40], [200, 0, 240, 40]]
    dataset = world.data(world.sample(1, boxes[:1], [0]))
    calibration = calibrate(world.match(dataset, [world.found(boxes, [1.0, 0.95, 0.3], [0, 0, 0])]), (0.5, 0.5))
    assert calibration.bins[9] == ScoreBin(0.9, 1.0, 2, pytest.approx(0.975), 0.5)
    assert calibration.bins[3] == ScoreBin(0.3, 0.4, 1, pytest.approx(0.3), 0.0)
    assert calibration.bins[2] == ScoreBin(0.2, 0.3, 0, None, None)
    assert calibration.expected_error == pytest.approx((0.475 * 2 + 0.3) / 3)
    assert (calibration.gap, calibration.count_above) == (pytest.approx(0.475), 2)
    json.dumps(calibration.as_plain(), allow_nan=False)


def test_without_detections(world) -> None:
    calibration = calibrate(world.match(world.data(world.sample(1, [], [])), [world.found([], [], [])]), (0.5, 0.5))
    assert (calibration.expected_error, calibration.gap, calibration.count_above) == (None, None, 0)
    assert all(one.count == 0 and one.mean_score is None for one in calibration.bins)
    json.dumps(calibration.as_plain(), allow_nan=False)
