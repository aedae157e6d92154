"""Numbers are written as people wrote them: the shortest decimals that mean the same float32."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.rewriting.label_writer import Marks, decimals, plain_text


@given(st.floats(0, 2**17, width=32))
def test_the_text_means_the_number(value):
    (number,) = decimals(np.array([value], np.float32))
    assert np.float32(plain_text(number)) == np.float32(value)
    assert "e" not in plain_text(number).lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [(473.07, "473.07"), (0.1, "0.1"), (640.0, "640"), (0.0, "0"), (100.0, "100"), (1e-7, "0.0000001")],
)
def test_the_text_is_short(value, text):
    assert plain_text(decimals(np.array([value], np.float32))[0]) == text


def test_where_nobody_said():
    assert Marks() == Marks("0", "Unspecified") and plain_text(Decimal("1E+3")) == "1000"
