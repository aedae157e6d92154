"""One is one."""

from __future__ import annotations

import pytest

from yolov3.watching.words import counted


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((1, "image"), "1 image"),
        ((0, "image"), "0 images"),
        ((2, "image"), "2 images"),
        ((1, "box", "boxes"), "1 box"),
        ((7, "box", "boxes"), "7 boxes"),
    ],
)
def test_numbers_in_words(words, text):
    assert counted(*words) == text
