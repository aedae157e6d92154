"""Images of rare classes come more often, by LVIS's rule, in epochs as long as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.batches.balance import repeat_factors
from yolov3.batches.plan import epoch_indices, plan_epoch
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


def test_images_come_in_proportion():
    shares = np.array([1.0] * 15 + [5.0])
    counts = np.zeros(16)
    for epoch in range(400):
        drawn = np.bincount(epoch_indices(16, seed=0, epoch=epoch, batch_size=4, shares=shares).ravel(), minlength=16)
        assert drawn.sum() == 16 and drawn[:15].max() <= 1 and drawn[15] == 4
        counts += drawn
    assert counts[:15] == pytest.approx(np.full(15, 400 * 0.8), rel=0.15)


def test_equal_shares_show_every_image_once():
    drawn = epoch_indices(10, seed=3, epoch=1, batch_size=5, shares=np.full(10, 2.0))
    assert sorted(drawn.ravel().tolist()) == list(range(10))


def test_ranks_share_a_balanced_epoch_too():
    settings = dict(seed=0, epoch=2, batch_size=4, base=(64, 64), shares=np.array([1.0] * 9 + [3.0]))
    whole = [plan.indices for plan in plan_epoch(10, **settings)]
    halves = [plan_epoch(10, rank=rank, world=2, **settings) for rank in range(2)]
    for indices, first, second in zip(whole, *halves, strict=True):
        assert sorted(indices) == sorted((*first.indices, *second.indices))
