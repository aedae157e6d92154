"""The AP of our arrays is the metric's; an image of weight 2 is the image twice."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from yolov3.analysis import precision as precision_module
from yolov3.analysis.precision import average_precisions, weighted_precisions
from yolov3.evaluation.coco import coco_metric


def mean(values: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(values))


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_ap_of_the_metric(world, seed: int) -> None:
    dataset, found = world.random(seed, images=4 + 6 * seed, classes=1 + seed, decimals=1 + seed % 4)
    precisions = average_precisions(world.match(dataset, found))
    expected = coco_metric(dataset, found)
    assert 0.05 < expected.numbers.ap < 0.9
    assert mean(precisions[0]) == pytest.approx(expected.numbers.ap50, abs=1e-9)
    assert mean(precisions) == pytest.approx(expected.numbers.ap, abs=1e-9)
    for row, own in zip(expected.per_class, precisions.T):
        assert row.ap50 == (None if np.isnan(own[0]) else pytest.approx(own[0], abs=1e-9))
        assert row.ap == (None if np.isnan(own[0]) else pytest.approx(own.mean(), abs=1e-9))


def test_a_weight_is_how_often_an_image_is_there(world) -> None:
    dataset, found = world.random(5, images=8, decimals=6)
    random = np.random.default_rng(1)
    weights = random.integers(0, 4, (8, 5))
    weights[:, 4] = 0
    weighted = weighted_precisions(world.match(dataset, found), weights)
    assert np.isnan(weighted[4]).all() and not np.isnan(weighted[:4]).all()
    for column in range(4):
        # Copies of an image stand beside each other, as their scores are equal.
        drawn = np.repeat(np.arange(8), weights[:, column])
        samples = tuple(replace(dataset.samples[image], image_id=str(k)) for k, image in enumerate(drawn))
        expected = coco_metric(replace(dataset, samples=samples), [found[image] for image in drawn])
        for label, row in enumerate(expected.per_class):
            own = weighted[column, :, label]
            assert row.ap == (None if np.isnan(own[0]) else pytest.approx(own.mean(), abs=1e-9))


def test_rounds_in_small_chunks_are_the_same(world, monkeypatch: pytest.MonkeyPatch) -> None:
    matching = world.match(*world.random(6))
    weights = np.random.default_rng(0).integers(0, 3, (12, 7))
    whole = weighted_precisions(matching, weights)
    monkeypatch.setattr(precision_module, "CELLS_AT_ONCE", 50)
    np.testing.assert_array_equal(weighted_precisions(matching, weights), whole)


def test_not_defined_without_truths_and_zero_without_detections(world) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes, [0]), world.sample(2, [], []))
    precisions = average_precisions(world.match(dataset, [world.found(boxes, [0.9], [1]), world.found([], [], [])]))
    assert (precisions[:, 0] == 0).all() and np.isnan(precisions[:, 1]).all()
