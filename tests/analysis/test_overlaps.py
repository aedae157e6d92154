"""Flat arrays that agree with the metric: every pair, every place, what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.analysis.overlaps import SMALLEST_IOU, overlaps_of
from yolov3.boxes import coverage_matrix, iou_matrix


def test_pairs_are_those_of_the_slow_way(world) -> None:
    dataset, found = world.random(3)
    overlaps = overlaps_of(dataset, found)
    expected = {}
    for image, (sample, one) in enumerate(zip(dataset.samples, found)):
        truths = torch.from_numpy(sample.boxes)
        iou, cover = iou_matrix(one.boxes, truths).numpy(), coverage_matrix(one.boxes, truths).numpy()
        table = np.where(sample.ignore[None, :], cover, iou)
        for row, column in zip(*np.nonzero(table >= SMALLEST_IOU)):
            expected[image, int(row), int(column)] = table[row, column]
    pairs = {}
    for detection, truth, iou in zip(overlaps.pair_found, overlaps.pair_truth, overlaps.pair_iou):
        assert overlaps.found.image[detection] == overlaps.truths.image[truth]
        key = (
            int(overlaps.found.image[detection]),
            int(overlaps.found.index[detection]),
            int(overlaps.truths.index[truth]),
        )
        pairs[key] = iou
    assert len(expected) > 30 and pairs.keys() == expected.keys()
    for key, iou in pairs.items():
        assert iou == pytest.approx(expected[key], abs=1e-4)


def test_detections_lie_class_by_class_the_best_first_and_know_their_places(world) -> None:
    dataset, found = world.random(4)
    overlaps = overlaps_of(dataset, found)
    seen = 0
    for label, part in enumerate(overlaps.class_slices()):
        assert (overlaps.found.label[part] == label).all()
        assert (np.diff(overlaps.found.score[part]) <= 0).all()
        seen += part.stop - part.start
    assert seen == len(overlaps.found) == sum(map(len, found)) and overlaps.left_out == 0
    for image, index, label, box in zip(
        overlaps.found.image, overlaps.found.index, overlaps.found.label, overlaps.found.box
    ):
        assert found[image].labels[index] == label
        np.testing.assert_allclose(found[image].boxes[index], box, atol=1e-3)


def test_what_is_no_box_is_left_out_and_the_others_keep_their_places(world) -> None:
    dataset = world.data(world.sample(1, [[0, 0, 50, 50]], [0]), world.sample(2, [], []))
    nan = float("nan")
    one = world.found([[nan] * 4, [0, 0, 50, 50], [50, 0, 0, 50], [0, 0, 40, 40]], [0.9, 0.5, 0.8, 0.7], [0, 0, 0, 1])
    two = world.found([[0, 0, 9, 9], [0, 0, 8, 8]], [nan, 0.3], [0, 0])
    overlaps = overlaps_of(dataset, [one, two])
    assert overlaps.left_out == 3
    assert list(zip(overlaps.found.image.tolist(), overlaps.found.index.tolist())) == [(0, 1), (1, 1), (0, 3)]


def test_a_hundred_of_a_class_and_image_count(world) -> None:
    dataset = world.data(world.sample(1, [], []))
    scores = np.linspace(0.1, 0.9, 130)
    found = world.found([[0, 0, 9, 9]] * 260, [*scores, *scores], [0] * 130 + [1] * 130)
    overlaps = overlaps_of(dataset, [found])
    assert len(overlaps.found) == 200 and overlaps.left_out == 60
    assert overlaps.found.score.min() == pytest.approx(scores[30], abs=1e-6)


def test_nothing_at_all(world) -> None:
    overlaps = overlaps_of(world.data(), [])
    assert (len(overlaps.found), len(overlaps.truths), len(overlaps.pair_iou), overlaps.num_images) == (0, 0, 0, 0)


def test_what_cannot_be_is_refused(world) -> None:
    dataset = world.data(world.sample(1, [[0, 0, 50, float("inf")]], [0]))
    with pytest.raises(ValueError, match=r"1\.jpg: a true box is not finite"):
        overlaps_of(dataset, [world.found([], [], [])])
    with pytest.raises(ValueError, match="1 samples but detections of 0 images"):
        overlaps_of(world.data(world.sample(1, [], [])), [])
