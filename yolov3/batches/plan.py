"""What each batch of an epoch consists of, computed without reading anything.

Order, sizes and shards are pure functions of (seed, epoch), so a stopped epoch goes on in the middle, and so many
processes each know their part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolov3.geometry import numbers_by_size
from yolov3.structures import Size

ORDER, SIZES = 1, 2  # which of an epoch's random streams
SIDE_STEP = 32  # pixels; the coarsest stride


@dataclass(frozen=True)
class BatchPlan:
    """The images of one batch: their ``indices`` in the data set, the input's ``size`` (height, width), the epoch,
    and whether images are joined (mosaic, mixup) in it."""

    number: int
    epoch: int
    indices: tuple[int, ...]
    size: Size
    mixing: bool = True


@dataclass(frozen=True)
class EpochSettings:
    """How the images of a data set are dealt out over the batches of an epoch: ``batch_size`` of all ``world`` processes
    together, of which this one has the place ``rank``; the input's ``size``, or ``sides`` between which its longer side is
    drawn anew ``every`` few batches; ``shares`` as in :func:`epoch_indices`."""

    batch_size: int
    seed: int
    size: Size
    sides: tuple[int, int] | None = None
    every: int = 10
    rank: int = 0
    world: int = 1
    shares: np.ndarray | None = None


def count_batches(num_samples: int, batch_size: int) -> int:
    """Batches per epoch. The last one is filled up from the beginning of the epoch's order, so that all are equal."""
    return -(-num_samples // batch_size)


def epoch_indices(
    num_samples: int, *, seed: int, epoch: int, batch_size: int, shares: np.ndarray | None = None
) -> np.ndarray:
    """(batches, batch_size) int64: a permutation of all images, continued from its beginning to fill the last batch.

    With ``shares`` (num_samples,) positive, an image comes in proportion to its share instead of once: so many times
    rounded down or up, by chance and evenly (systematic sampling), and an epoch is as long as ever.
    """
    generator = np.random.default_rng((seed, epoch, num_samples, ORDER))
    if shares is None:
        order = generator.permutation(num_samples)
    else:
        bounds = np.cumsum(shares) * (num_samples / shares.sum())
        drawn = np.searchsorted(bounds, np.arange(num_samples) + generator.random(), side="right")
        order = generator.permutation(drawn.clip(max=num_samples - 1))
    total = count_batches(num_samples, batch_size) * batch_size
    return np.resize(order, total).reshape(-1, batch_size)


def batch_sizes(
    count: int, *, seed: int, epoch: int, base: Size, sides: tuple[int, int] | None, every: int
) -> list[Size]:
    """The input's size for each batch: ``base``, or a scale drawn anew every few batches so that the longer side lies
    between ``sides``; both sides are multiples of 32 and keep about the aspect of ``base``."""
    if sides is None:
        return [base] * count
    generator = np.random.default_rng((seed, epoch, SIZES))
    low, high = (side // SIDE_STEP for side in sides)
    drawn = generator.integers(low, high + 1, size=-(-count // every)) * SIDE_STEP
    return [_scaled(base, int(drawn[number // every])) for number in range(count)]


def largest_size(base: Size, sides: tuple[int, int] | None) -> Size:
    """The largest of the sizes that :func:`batch_sizes` can give."""
    return base if sides is None else _scaled(base, sides[1] // SIDE_STEP * SIDE_STEP)


def _scaled(base: Size, longer: int) -> Size:
    height, width = (max(SIDE_STEP, round(side * longer / max(base) / SIDE_STEP) * SIDE_STEP) for side in base)
    return height, width


def plan_epoch(num_samples: int, settings: EpochSettings, *, epoch: int, mixing: bool = True) -> list[BatchPlan]:
    """The batches of an epoch for one of the processes, which share each batch evenly."""
    rows = epoch_indices(
        num_samples, seed=settings.seed, epoch=epoch, batch_size=settings.batch_size, shares=settings.shares
    )
    sizes = batch_sizes(
        len(rows), seed=settings.seed, epoch=epoch, base=settings.size, sides=settings.sides, every=settings.every
    )
    return [
        BatchPlan(number, epoch, tuple(row[settings.rank :: settings.world].tolist()), size, mixing)
        for number, (row, size) in enumerate(zip(rows, sizes))
    ]


def plan_by_size(sizes: Sequence[Size], *, batch_size: int) -> list[BatchPlan]:
    """The batches of all images, each of images that need an input of one of the ``sizes``, in their order within it."""
    parts = [
        (tuple(indices[start : start + batch_size]), size)
        for size, indices in numbers_by_size(sizes).items()
        for start in range(0, len(indices), batch_size)
    ]
    return [BatchPlan(number, 0, indices, size) for number, (indices, size) in enumerate(parts)]


def plan_in_order(num_samples: int, *, batch_size: int, size: Size) -> list[BatchPlan]:
    """The batches of all images in their order, the last one perhaps smaller."""
    starts = range(0, num_samples, batch_size)
    return [
        BatchPlan(number, 0, tuple(range(start, min(start + batch_size, num_samples))), size)
        for number, start in enumerate(starts)
    ]
