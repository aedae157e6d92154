"""Intervals: the value itself, how often they hold what they should, and that pairs are narrower."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from yolov3.analysis.intervals import Interval, draw, image_weights, interval_of, mean_defined
from yolov3.evaluation.coco import coco_metric


def test_the_value_is_the_metric_and_lies_in_its_interval(world) -> None:
    dataset, found = world.random(2, images=20)
    intervals = draw(world.match(dataset, found), rounds=50).intervals()
    expected = coco_metric(dataset, found)
    assert intervals.rounds == 50 and intervals.ap.value == pytest.approx(expected.numbers.ap, abs=1e-9)
    assert intervals.ap50.value == pytest.approx(expected.numbers.ap50, abs=1e-9)
    for row, known in zip(intervals.classes, expected.per_class, strict=True):
        assert (row.name, row.ap.value) == (known.name, pytest.approx(known.ap, abs=1e-9))
    for interval in (intervals.ap, intervals.ap50, *(row.ap for row in intervals.classes)):
        assert 0 <= interval.low < interval.value < interval.high <= 1
    json.dumps(intervals.as_plain(), allow_nan=False)


def test_images_are_drawn_with_a_seed() -> None:
    weights = image_weights(30, 20, seed=3)
    assert weights.shape == (30, 20) and (weights.sum(axis=0) == 30).all() and weights.max() > 1
    np.testing.assert_array_equal(weights, image_weights(30, 20, seed=3))
    assert (weights != image_weights(30, 20, seed=4)).any()
    assert len({tuple(column) for column in weights.T}) == 20


def test_an_interval_by_hand() -> None:
    rounds = np.linspace(0.5, 0.9, 401)
    assert interval_of(np.append(0.6, rounds)) == Interval(0.6, pytest.approx(0.31), pytest.approx(0.69))
    assert interval_of(np.append(0.95, rounds)) == Interval(0.95, pytest.approx(0.95), 1.0)
    assert interval_of(np.append(0.1, rounds)) == Interval(0.1, 0.0, 0.1)
    assert interval_of(np.append(0.6, rounds), paired=True) == Interval(0.6, pytest.approx(0.51), pytest.approx(0.89))
    assert interval_of(np.append(-0.9, -rounds), paired=True) == Interval(-0.9, -0.9, pytest.approx(-0.51))
    assert interval_of(np.array([0.5, np.nan, 0.4, 0.4])) == Interval(0.5, 0.5, pytest.approx(0.6))
    assert interval_of(np.array([0.5, np.nan])) == Interval(0.5, None, None)
    assert interval_of(np.array([np.nan, 0.5])) == Interval(None, None, None)


def test_95_of_100_intervals_hold_the_value_of_all_images(world) -> None:
    dataset, found = world.random(4, images=240, classes=2, decimals=6)
    whole = draw(world.match(dataset, found), rounds=1)
    truth = mean_defined(whole.ap50)[0], mean_defined(whole.ap)[0]
    random, held = np.random.default_rng(1), []
    for seed in range(200):
        drawn = random.integers(0, 240, 120)
        samples = tuple(replace(dataset.samples[k], image_id=f"{n}") for n, k in enumerate(drawn))
        matching = world.match(replace(dataset, samples=samples), [found[k] for k in drawn])
        own = draw(matching, rounds=200, seed=seed).intervals()
        held.append([own.ap50.low <= truth[0] <= own.ap50.high, own.ap.low <= truth[1] <= own.ap.high])
    for share in np.mean(held, axis=0):
        assert 0.92 <= share <= 0.98


def test_a_pair_that_draws_the_same_images_differs_less(world) -> None:
    dataset, found = world.random(5, images=60)
    better = [one[one.scores > 0.1] for one in found]
    worse = [one[one.labels != 2] if image % 6 == 0 else one for image, one in enumerate(better)]
    first, second = (draw(world.match(dataset, each), rounds=200) for each in (better, worse))
    difference = second.minus(first).intervals().ap50
    alone = first.intervals().ap50
    assert difference.value < 0 and difference.high - difference.low < 0.8 * (alone.high - alone.low)
    same = first.minus(first).intervals()
    assert same.ap50 == same.ap == same.classes[0].ap == Interval(0, 0, 0)
    with pytest.raises(ValueError, match="drawn alike"):
        first.minus(draw(world.match(dataset, found), rounds=3))


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    matching = world.match(dataset, [world.found(boxes * found, [0.5] * found, [0] * found)])
    intervals = draw(matching, rounds=10).intervals()
    value = pytest.approx(float(found)) if true else None
    for interval in (intervals.ap, intervals.classes[0].ap50):
        assert interval == Interval(value, None, None)
    assert intervals.classes[1].ap == Interval(None, None, None)


def test_a_class_in_few_images_has_no_ends(world) -> None:
    boxes = [[0, 0, 50, 50], [100, 0, 150, 50]]
    samples = [world.sample(k, boxes, [0, int(k < 4)]) for k in range(6)]
    found = [world.found(boxes[: 1 + k % 2], [0.5] * (1 + k % 2), [0, int(k < 4)][: 1 + k % 2]) for k in range(6)]
    intervals = draw(world.match(world.data(*samples), found), rounds=30).intervals()
    assert intervals.ap.low is not None and intervals.classes[0].ap.low is not None
    assert intervals.classes[1].ap50 == Interval(pytest.approx(51 / 101), None, None)


def test_no_image_at_all(world) -> None:
    assert draw(world.match(world.data(), []), rounds=3).intervals().ap == Interval(None, None, None)
