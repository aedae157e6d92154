"""Numbers in words: one image, two images; times that can be read."""

from __future__ import annotations

import pytest

from yolov3.watching.words import EXAMPLES, counted, duration, some


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "image", "1 image"), (0, "image", "0 images"), (2, "image", "2 images"), (1, "box", "1 box"),
        (3, "box", "3 boxes"), (2, "class", "2 classes"), (1, "class", "1 class"), (2, "batch", "2 batches"),
        (3, "epoch", "3 epochs"),
        (2, "process", "2 processes"),
        (2, "validation image", "2 validation images"), (1, "ignored truth", "1 ignored truth"),
    ],
)  # fmt: skip
def test_a_noun_has_the_form_that_its_number_asks_for(number, noun, text):
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.4, "0 s"), (12.3, "12 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3600, "1 h"),
        (3601, "1 h"), (7500, "2 h 5 min"), (86400, "1 d"), (90000 + 59, "1 d 1 h"), (10 * 86400, "10 d"), (-3, "0 s"),
    ],
)  # fmt: skip
def test_a_time_is_told_in_units_that_suit_it(seconds, text):
    assert duration(seconds) == text


def test_the_first_of_many_are_named_and_the_others_counted():
    assert EXAMPLES == 5
    assert some([]) == "" and some(["a"]) == "a" and some(range(5)) == "0, 1, 2, 3, 4"
    assert some(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert some((letter for letter in "abc"), most=1, separator="; ") == "a and 2 more"
    assert some("abc", most=2, separator="; ") == "a; b and 1 more"


def test_a_long_list_is_cut():
    assert some([]) == ""
    assert some(range(5)) == "0, 1, 2, 3, 4"
    assert some(range(6)) == "0, 1, 2, 3, 4 and 1 more"
    assert some(range(8)) == "0, 1, 2, 3, 4 and 3 more"
