"""Quantiles of any numbers of times are right to one percent, in memory that does not grow."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.watching.quantiles import LEAST, MOST, Quantiles


@given(st.lists(st.floats(LEAST, MOST), min_size=1, max_size=200), st.sampled_from((0.05, 0.5, 0.95, 1.0)))
def test_they_are_those_of_a_sorted_list(values, share):
    quantiles = Quantiles()
    for value in values:
        quantiles.add(value)
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert quantiles.at(share) == pytest.approx(exact, rel=0.0101) and quantiles.count == len(values)


def test_what_lies_outside_counts_as_the_end():
    quantiles = Quantiles()
    for value in (-1.0, 0.0, 1e-9):
        quantiles.add(value)
    assert quantiles.at(1.0) == LEAST
    quantiles.add(1e9)
    assert quantiles.at(1.0) == pytest.approx(MOST, rel=0.02)


def test_of_nothing_there_is_none():
    assert math.isnan(Quantiles().at(0.5))


def test_they_take_no_more_room_for_more_numbers():
    quantiles = Quantiles()
    for value in np.random.default_rng(0).lognormal(-3, 1, 20_000).tolist():
        quantiles.add(value)
    assert len(pickle.dumps(quantiles)) < 10_000
