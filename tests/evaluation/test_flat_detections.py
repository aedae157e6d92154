"""All detections in four arrays: in their order, checked, and what is no box counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.evaluation.flat_detections import flatten_detections

NAN, INF = float("nan"), float("inf")


def detections(*rows: tuple[list[float], float, int]) -> Detections:
    return Detections(
        torch.tensor([box for box, _, _ in rows]).reshape(-1, 4),
        torch.tensor([score for _, score, _ in rows]),
        torch.tensor([label for *_, label in rows], dtype=torch.int64),
    )


def test_rows_keep_their_order_and_know_their_image(dataset):
    one = ([1.0, 2.0, 3.0, 4.0], 0.25, 2)
    two = ([5.0, 6.0, 7.0, 8.0], 0.75, 0)
    flat = flatten_detections(dataset.first(3), [detections(one, two), Detections.empty(), detections(two)])
    assert flat.image_index.tolist() == [0, 0, 2] and len(flat) == 3 and flat.dropped == 0
    assert flat.boxes.tolist() == [one[0], two[0], two[0]] and flat.scores.tolist() == [0.25, 0.75, 0.75]
    assert flat.labels.tolist() == [2, 0, 0]
    assert (flat.boxes.dtype, flat.scores.dtype, flat.labels.dtype) == (np.float64, np.float64, np.int64)


def test_what_is_no_box_is_dropped_and_counted(dataset):
    good = ([1.0, 2.0, 1.0, 2.0], 0.5, 1)  # of no area, but a box
    bad = [
        ([NAN, 2.0, 3.0, 4.0], 0.5, 1), ([1.0, 2.0, INF, 4.0], 0.5, 1), ([1.0, 2.0, 3.0, 4.0], NAN, 1),
        ([3.0, 2.0, 1.0, 4.0], 0.5, 1), ([1.0, 4.0, 3.0, 2.0], 0.5, 1),
    ]  # fmt: skip
    flat = flatten_detections(dataset.first(2), [detections(*bad[:3]), detections(good, *bad[3:])])
    assert flat.dropped == 5 and flat.image_index.tolist() == [1] and flat.boxes.tolist() == [good[0]]


def test_nothing_at_all(dataset):
    for data, found in ((dataset.first(0), []), (dataset.first(2), [Detections.empty()] * 2)):
        flat = flatten_detections(data, found)
        assert len(flat) == 0 and flat.boxes.shape == (0, 4) and flat.dropped == 0


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_none_of_the_data_sets_is_refused(dataset, label):
    with pytest.raises(ValueError, match=rf"labels must lie in 0\.\.2, found {label}\.\.{label}"):
        flatten_detections(dataset.first(1), [detections(([0.0, 0.0, 1.0, 1.0], 0.5, label))])


def test_detections_of_other_images_are_refused(dataset):
    with pytest.raises(ValueError, match="5 samples but detections of 1 images"):
        flatten_detections(dataset, [Detections.empty()])
