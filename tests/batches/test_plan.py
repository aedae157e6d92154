"""What each batch consists of: every image once or by its share, the same for whoever asks, in equal parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolov3.batches.plan import (
    EpochSettings,
    batch_sizes,
    count_batches,
    epoch_indices,
    largest_size,
    plan_by_size,
    plan_epoch,
    plan_in_order,
)

SETTINGS = EpochSettings(batch_size=8, seed=1, size=(64, 64))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
@pytest.mark.parametrize("world", [1, 2])
def test_every_image_comes_once_and_ranks_share_a_batch(count, world):
    plans = [plan_epoch(count, replace(SETTINGS, rank=rank, world=world), epoch=4) for rank in range(world)]
    assert {len(plan) for plan in plans} == {count_batches(count, 8)}
    assert {len(batch.indices) for plan in plans for batch in plan} == {8 // world}
    merged = [index for batches in zip(*plans) for batch in zip(*(plan.indices for plan in batches)) for index in batch]
    assert sorted(set(merged)) == list(range(count))
    assert len(merged) == -(-count // 8) * 8
    if count >= 8:
        assert max(merged.count(index) for index in set(merged)) <= 2


def test_a_plan_depends_on_seed_epoch_and_number_of_images_alone():
    first = plan_epoch(100, SETTINGS, epoch=3)
    np.random.seed(0)  # noqa: NPY002 - the global generator must not matter
    assert first == plan_epoch(100, SETTINGS, epoch=3)
    others = [
        plan_epoch(100, SETTINGS, epoch=4),
        plan_epoch(100, replace(SETTINGS, seed=2), epoch=3),
        plan_epoch(101, SETTINGS, epoch=3),
    ]
    orders = {tuple(index for plan in plans for index in plan.indices) for plans in (first, *others)}
    assert len(orders) == 4
    assert [plan.number for plan in first] == list(range(13)) and {plan.epoch for plan in first} == {3}


def test_joining_images_is_said_in_every_plan():
    for mixing in (True, False):
        assert {plan.mixing for plan in plan_epoch(20, SETTINGS, epoch=0, mixing=mixing)} == {mixing}


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
    settings = EpochSettings(batch_size=4, seed=0, size=(64, 64), shares=np.array([1.0] * 9 + [3.0]))
    whole = [plan.indices for plan in plan_epoch(10, settings, epoch=2)]
    halves = [plan_epoch(10, replace(settings, rank=rank, world=2), epoch=2) for rank in range(2)]
    for indices, first, second in zip(whole, *halves, strict=True):
        assert sorted(indices) == sorted((*first.indices, *second.indices))


def test_sizes_are_drawn_anew_every_few_batches():
    settings = EpochSettings(batch_size=4, seed=0, size=(416, 416), sides=(320, 608), every=10)
    plans = plan_epoch(400, settings, epoch=0)
    sides = [plan.size for plan in plans]
    assert all(len(set(sides[start : start + 10])) == 1 for start in range(0, 100, 10))
    assert len(set(sides)) > 3 and {height for height, _ in sides} <= set(range(320, 609, 32))


@pytest.mark.parametrize("base", [(416, 416), (256, 512), (512, 256), (32, 608), (96, 128)])
def test_sizes_lie_between_the_sides_and_keep_about_the_aspect(base):
    found = batch_sizes(500, seed=5, epoch=2, base=base, sides=(100, 650), every=1)
    assert {max(size) for size in found} == set(range(96, 641, 32))
    for height, width in found:
        assert height % 32 == width % 32 == 0 and min(height, width) >= 32
        scale = max(height, width) / max(base)
        assert abs(height - base[0] * scale) <= 32 and abs(width - base[1] * scale) <= 32
    assert max(found) == largest_size(base, (100, 650)) == max(found, key=lambda size: size[0] * size[1])


def test_without_sides_every_batch_has_the_size_that_was_named():
    assert batch_sizes(3, seed=5, epoch=2, base=(64, 96), sides=None, every=1) == [(64, 96)] * 3
    assert largest_size((64, 96), None) == (64, 96)


def test_ranks_agree_on_the_size_of_each_batch():
    settings = EpochSettings(batch_size=4, seed=0, size=(416, 416), sides=(320, 608), every=2, world=2)
    first, second = (plan_epoch(50, replace(settings, rank=rank), epoch=1) for rank in range(2))
    assert [plan.size for plan in first] == [plan.size for plan in second]


@pytest.mark.parametrize(
    ("count", "batch_size", "expected"), [(0, 4, []), (4, 4, [4]), (9, 4, [4, 4, 1]), (3, 99, [3])]
)
def test_in_order_every_image_comes_once_and_the_last_batch_may_be_smaller(count, batch_size, expected):
    plans = plan_in_order(count, batch_size=batch_size, size=(32, 64))
    assert [len(plan.indices) for plan in plans] == expected
    assert [index for plan in plans for index in plan.indices] == list(range(count))
    assert [plan.number for plan in plans] == list(range(len(expected))) and {plan.size for plan in plans} <= {(32, 64)}


def test_by_size_every_batch_is_of_one_size_and_every_image_comes_once():
    wide, square = (256, 416), (416, 416)
    plans = plan_by_size([wide, square, wide, wide, square, wide], batch_size=3)
    assert [(plan.indices, plan.size) for plan in plans] == [((0, 2, 3), wide), ((5,), wide), ((1, 4), square)]
    assert [plan.number for plan in plans] == [0, 1, 2]
    assert plan_by_size([], batch_size=3) == []
