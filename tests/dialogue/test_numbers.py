"""Numbers on a command line lie between their ends, or are told in a line."""

from __future__ import annotations

import argparse
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.dialogue.numbers import Number, WholeNumber

NONE = ["nan", "-nan", "inf", "-inf", "1e400", "", " ", "x", "1,5", "0x10", "١٢x", "1" * 5000, "9" * 100_000]


@pytest.mark.parametrize("text", [*NONE, "1.0", "1e3", "0", "11", "-1", str(2**63), str(10**31)])
def test_a_whole_number_lies_between_its_ends(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"; must be a whole number from 1 to 10$") as caught:
        WholeNumber(1, 10)(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", [*NONE, "-0.1", "1.5", "1e30", str(10**31)])
def test_a_number_lies_between_its_ends(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"; must be a number from 0 to 1$") as caught:
        Number(0, 1)(text)
    assert len(str(caught.value)) < 300


@given(st.integers(), st.integers(-5, 5), st.integers(5, 100))
def test_whole_numbers_are_those_between(value, least, most):
    kind = WholeNumber(least, most)
    if least <= value <= most:
        assert kind(f" {value}") == value
    else:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(str(value))


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans(), st.booleans())
def test_numbers_are_those_between(value, open_least, open_most):
    kind = Number(-1, 2, open_least=open_least, open_most=open_most)
    held = (
        math.isfinite(value)
        and -1 <= value <= 2
        and not (open_least and value == -1)
        and not (open_most and value == 2)
    )
    assert kind.holds(value) is held
    if held:
        assert kind(repr(value)) == value


def test_open_ends_are_told():
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be a number above 0 below 1$"):
        Number(0, 1, open_least=True, open_most=True)("0")
