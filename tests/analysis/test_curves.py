"""Curves by counting, thresholds that can be written and reached again, by the metric and by the selection itself."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.analysis.curves import (
    MOST_POINTS,
    OperatingPoint,
    above_thresholds,
    score_curves,
    thinned,
    thresholds_between,
)
from yolov3.selecting.postprocess import Selection, select
from yolov3.structures import DensePredictions


def counted(world, dataset, found, label: int | None, threshold: float) -> tuple[int, int, int]:
    """Right, wrong and missed of the detections above a threshold, matched anew."""
    kept = [one[one.scores > threshold] for one in found]
    matching = world.match(dataset, kept, thresholds=(0.5,))
    own = np.ones(len(matching.found), bool) if label is None else matching.found.label == label
    truths = ~matching.truths.ignored
    if label is not None:
        truths &= matching.truths.label == label
    right = int(matching.right[0, own].sum())
    return right, int(matching.wrong[0, own].sum()), int(truths.sum()) - right


@pytest.mark.parametrize("decimals", [2, 7])
def test_each_point_is_what_the_detections_above_it_are_worth(world, decimals: int) -> None:
    dataset, found = world.random(7, decimals=decimals)
    curves = score_curves(world.match(dataset, found))
    points = 0
    for label, curve in [*enumerate(curves.classes), (None, curves.all)]:
        assert (np.diff(curve.thresholds) < 0).all()
        for place in range(len(curve.thresholds)):
            point = curve.point(place)
            assert point.threshold == round(point.threshold, 6) and point.threshold >= 0
            assert (point.right, point.wrong, point.missed) == counted(world, dataset, found, label, point.threshold)
            points += 1
    assert points > 50


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**8), st.integers(1, 10**8))
def test_a_threshold_divides_its_neighbours_rounded_or_not(first: int, second: int) -> None:
    above, below = max(first, second) / 1e8, min(first, second) / 1e8
    (threshold,) = thresholds_between(np.array([above]), np.array([below])).tolist()
    if above - below > 2.1e-6:
        assert threshold == threshold
    if threshold == threshold:
        assert below < threshold < above
        assert float(f"{below:.6f}") <= threshold < float(f"{above:.6f}")
        assert threshold == float(f"{threshold:.6f}")
        # as the selection compares it
        assert (torch.tensor([above, below]).numpy() > threshold).tolist() == [True, False]


def test_thresholds_have_few_decimals() -> None:
    above, below = np.array([0.9, 0.456, 0.30000001, 0.2000001]), np.array([0.3, 0.451, 0.3, 0.2])
    assert thresholds_between(above, below)[:2].tolist() == [0.6, 0.454]
    assert np.isnan(thresholds_between(above, below)[2:]).all()


def test_the_best_and_the_wished_points(world) -> None:
    boxes = [[x, 0, x + 40, 40] for x in range(0, 400, 50)]
    dataset = world.data(world.sample(1, boxes[:4], [0] * 4))
    # right, right, wrong, right, wrong, wrong
    order = [boxes[0], boxes[1], boxes[5], boxes[2], boxes[6], boxes[7]]
    curves = score_curves(world.match(dataset, [world.found(order, [0.95, 0.85, 0.75, 0.65, 0.35, 0.25], [0] * 6)]))
    one, other, every = curves.operating(precision=0.9, recall=0.75)
    assert one.best == OperatingPoint(0.5, 3, 1, 1) and one.best.f1 == one.best.precision == one.best.recall == 0.75
    assert one.for_precision == OperatingPoint(0.8, 2, 0, 2)
    assert one.for_recall == one.best
    assert curves.classes[0].for_recall(0.8) is None and curves.classes[0].for_precision(1.0).right == 2
    assert replace(every, name="cat") == one
    assert (other.best, other.for_precision, other.for_recall) == (None, None, None)
    assert curves.best_thresholds() == (0.5, 0.5)


def test_the_detections_of_a_selection_with_the_threshold_are_those_of_the_evaluation_above_it(world) -> None:
    random = np.random.default_rng(0)
    names, images = ("a", "b", "c"), 6
    samples, batch = [], []
    for image in range(images):
        low = random.uniform(0, 300, (4, 2))
        truths = np.concatenate((low, low + random.uniform(30, 100, (4, 2))), axis=1)
        samples.append(world.sample(image + 1, truths, random.integers(0, 3, 4).tolist()))
        places = np.repeat(truths, 10, axis=0) + random.normal(0, 12, (40, 4))
        batch.append(torch.tensor(places, dtype=torch.float32))
    predictions = DensePredictions(
        torch.stack(batch),
        torch.tensor(random.random((images, 40)), dtype=torch.float32),
        torch.tensor(random.random((images, 40, 3)), dtype=torch.float32),
    )
    rules = Selection(confidence=0.001, nms_threshold=0.6, multi_label=True)
    dataset = world.data(*samples, names=names)
    curve = score_curves(world.match(dataset, select(predictions, rules))).all
    assert len(curve.thresholds) > 40
    for place in range(0, len(curve.thresholds), 7):
        point = curve.point(place)
        again = select(predictions, replace(rules, confidence=point.threshold))
        matching = world.match(dataset, again)
        assert (point.right, point.wrong) == (matching.right[0].sum(), matching.wrong[0].sum())


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    matching = world.match(dataset, [world.found(boxes * found, [0.5] * found, [0] * found)])
    curves = score_curves(matching)
    assert (curves.all.best() is not None) == (found and true)
    assert curves.best_thresholds() == ((0.499998,) * 2 if found and true else (0.25, 0.25))
    assert curves.all.for_recall(0.5) == curves.all.for_precision(0.5) == curves.all.best()
    json.dumps(curves.as_plain(), allow_nan=False)
    json.dumps([row.as_plain() for row in curves.operating()], allow_nan=False)
    assert above_thresholds(matching, (0.4, 0.4)).tolist() == [True] * found
    assert not above_thresholds(matching, (0.5, 0.5)).any()
    with pytest.raises(ValueError, match="2 classes but 1 thresholds"):
        above_thresholds(matching, (0.4,))


def test_with_the_evaluations_confidence_the_last_threshold_lies_in_the_middle(world) -> None:
    boxes = [[0, 0, 50, 50]]
    matching = world.match(world.data(world.sample(1, boxes, [0])), [world.found(boxes, [0.9], [0])])
    assert score_curves(matching).best_thresholds() == (0.899998,) * 2
    assert score_curves(matching, 0.001).best_thresholds() == (0.5, 0.5)
    assert score_curves(matching, 0.95).best_thresholds() == (0.899998,) * 2


def test_few_points_look_like_all() -> None:
    random = np.random.default_rng(0)
    right = random.random(20_000) < np.linspace(0.95, 0.05, 20_000)
    hits = np.cumsum(right)
    points = np.stack((np.linspace(1, 0, 20_000), hits / np.arange(1, 20_001), hits / hits[-1]), axis=1)
    chosen = thinned(points, MOST_POINTS)
    assert len(chosen) == MOST_POINTS and chosen == sorted(set(chosen)) and {0, 19_999} <= set(chosen)
    drawn = np.stack([np.interp(np.arange(20_000), chosen, points[chosen, k]) for k in range(3)], axis=1)
    assert np.abs(drawn - points).max() < 0.01
    assert thinned(points[:5], 10) == [0, 1, 2, 3, 4]
    assert thinned(np.zeros((50, 3)), 10) == [0, 49]
