"""Images of rare classes come more often, by LVIS's rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.batches.balance import repeat_factors
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Sample


def image(*labels: int, ignore: bool = False) -> Sample:
    count = len(labels)
    boxes = np.tile(np.array([[1, 1, 9, 9]], np.float32), (count, 1))
    ignored = np.full(count, ignore)
    return Sample(Path("x.jpg"), (10, 10), boxes, np.array(labels, int), ignored, np.ones(count, np.float32), 0)


def dataset(*samples: Sample) -> Dataset:
    return Dataset(samples, ("common", "rare", "never"), (1, 2, 3), DatasetReport(), "made up")


def test_factors_are_those_of_the_paper():
    data = dataset(*[image(0)] * 97, image(0, 1), image(), image(1, ignore=True))
    factors = repeat_factors(data, 0.25)
    assert factors[97] == pytest.approx((0.25 / 0.01) ** 0.5)
    assert (np.delete(factors, 97) == 1).all()
    assert (repeat_factors(data, 0.001) == 1).all()  # no class is that rare


def test_images_without_objects_come_as_often_as_ever():
    assert repeat_factors(dataset(image(), image()), 0.5).tolist() == [1, 1]


def test_as_a_loop_over_classes_and_images():
    generator = np.random.default_rng(5)
    samples = [image(*generator.integers(0, 3, generator.integers(0, 4)).tolist()) for _ in range(60)]
    factors = repeat_factors(dataset(*samples), 0.7)
    for sample, factor in zip(samples, factors, strict=True):
        expected = 1.0
        for label in set(sample.labels.tolist()):
            share = sum(label in other.labels for other in samples) / len(samples)
            expected = max(expected, (0.7 / share) ** 0.5)
        assert factor == pytest.approx(expected)
