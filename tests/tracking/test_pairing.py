"""The best pairs of all, by trying every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from yolov3.tracking.pairing import overlaps, pair


@pytest.mark.parametrize("seed", range(30))
def test_no_other_pairs_are_better(seed):
    chance = np.random.default_rng(seed)
    rows, columns = chance.integers(0, 5, 2)
    alike = chance.uniform(0, 1, (rows, columns))
    found = list(zip(*map(np.ndarray.tolist, pair(alike, 0.4))))
    assert all(alike[place] >= 0.4 for place in found)
    best = (0, 0.0)
    for count in range(min(rows, columns) + 1):
        for some in itertools.combinations(range(rows), count):
            for others in itertools.permutations(range(columns), count):
                values = [alike[place] for place in zip(some, others)]
                if all(value >= 0.4 for value in values):
                    best = max(best, (count, sum(values)))
    assert (len(found), sum(alike[place] for place in found)) == pytest.approx(best)


def test_overlaps_by_hand():
    boxes = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3]])
    assert overlaps(boxes, boxes) == pytest.approx(np.array([[1, 1 / 7], [1 / 7, 1]]))
    assert overlaps(boxes, np.zeros((0, 4))).shape == (2, 0)
