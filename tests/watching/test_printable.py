"""What others wrote is shown as letters, cut, and so that it can be printed anywhere."""

from __future__ import annotations

import os
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.watching.printable import printable, printable_lines, quoted, shortened

LETTERS = st.characters(codec=None)  # lone surrogates, too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain naïve 猫 🐱", "plain naïve 猫 🐱"),
        ("\x1b[2J\x1b]0;mine\x07", r"\x1b[2J\x1b]0;mine\x07"),
        ("a\nyolov3: error: forged", r"a\nyolov3: error: forged"),
        ("a\r\tb\x00\x7f\x9b", r"a\r\tb\x00\x7f\x9b"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("\u2066\u2028\ufeff", r"\u2066\u2028\ufeff"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
        ("ball\ud800", r"ball\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("👩\u200d🔬 می\u200cخواهم\u00a0", "👩\u200d🔬 می\u200cخواهم\u00a0"),
    ],
)
def test_what_steers_is_written_out_and_letters_stay(text, shown):
    assert printable(text) == shown


@given(st.text(LETTERS))
def test_whatever_is_shown_can_be_printed_in_one_line(text):
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in shown)
    assert printable_lines(text).count("\n") == text.count("\n")


@given(st.text(), st.integers(4, 50))
def test_a_short_text_stays_and_of_a_long_one_both_ends(text, longest):
    shown = shortened(text, longest)
    if len(text) <= longest:
        assert shown == text
    else:
        assert len(shown) < longest + 60 and f"({len(text) - longest} more letters)" in shown
        assert shown.startswith(text[: longest - longest // 4]) and shown.endswith(text[len(text) - longest // 4 :])


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        b"x" * 10**7,
        list(range(10**6)),
        [[["x" * 10**6] * 1000] * 1000],
        dict.fromkeys(range(10**5), "x" * 1000),
        10**100_000,
        -(10**5000),
        ("\x1b" * 10**6,),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_any_size_is_told_at_once_and_briefly(value):
    start = time.monotonic()
    text = quoted(value)
    assert time.monotonic() - start < 5
    assert len(text) < 4 * 200 and text.isprintable()


def test_a_value_is_told_as_python_writes_it():
    assert quoted(["a", 3.5, None]) == "['a', 3.5, None]"
    assert quoted({"a": (1,)}) == "{'a': (1,)}"
    assert quoted(10**4500) == "a number of 14949 bits"
