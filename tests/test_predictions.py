"""Predictions that are all decoded: what is asked of them, what is counted, and several as one."""

from __future__ import annotations

import math

import pytest
import torch

from yolov3.predictions import DensePredictions, Predictions


def test_places_are_asked_for_by_image_and_number():
    generator = torch.Generator().manual_seed(0)
    found: Predictions = DensePredictions(
        torch.rand(2, 5, 4, generator=generator), torch.rand(2, 5), torch.rand(2, 5, 3, generator=generator)
    )
    boxes, classes = found.at(torch.tensor([1, 0, 1]), torch.tensor([4, 2, 0]))
    assert boxes.tolist() == [found.boxes[image, place].tolist() for image, place in ((1, 4), (0, 2), (1, 0))]
    assert classes.tolist() == [found.classes[image, place].tolist() for image, place in ((1, 4), (0, 2), (1, 0))]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_places_that_are_not_finite_are_counted_once_each(value):
    found = DensePredictions(torch.zeros(2, 5, 4), torch.zeros(2, 5), torch.zeros(2, 5, 3))
    assert found.num_nonfinite == 0
    broken = DensePredictions(found.boxes.clone(), found.objectness.clone(), found.classes.clone())
    broken.boxes[0, 1, 2] = broken.boxes[0, 1, 3] = broken.classes[0, 1, 0] = value
    broken.objectness[1, 4] = value
    broken.classes[1, 0, 2] = value
    assert broken.num_nonfinite == 3


def test_finite_numbers_whose_sum_overflows_are_finite():
    huge = torch.full((1, 3, 4), 3e38)
    assert not huge.sum().isfinite()
    assert DensePredictions(huge, torch.zeros(1, 3), torch.zeros(1, 3, 2)).num_nonfinite == 0


def test_no_places_at_all():
    nothing = DensePredictions(torch.zeros(1, 0, 4), torch.zeros(1, 0), torch.zeros(1, 0, 3))
    assert nothing.num_nonfinite == 0 and DensePredictions.join([nothing, nothing]).boxes.shape == (2, 0, 4)
