"""What a spreadsheet would run is a text in our tables."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.files.spreadsheet import spreadsheet_safe


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ("+1", "'+1"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", r"'\t=1"),
        ("\r=1", r"'\r=1"),
        ("\uff1d1", "'\uff1d1"),
        ("red blood-cell = 1", "red blood-cell = 1"),
        ("", ""),
        ("\x1b[2J\ud800", r"\x1b[2J\ud800"),
    ],
)
def test_what_would_be_run_is_told_to_be_a_text(text, cell):
    assert spreadsheet_safe(text) == cell


@given(st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=5))
def test_a_row_stays_a_row(texts):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerow([spreadsheet_safe(text) for text in ("a", *texts)])
    assert stream.getvalue().count("\n") == 1
    stream.getvalue().encode()
    (row,) = csv.reader([stream.getvalue()])
    assert len(row) == 1 + len(texts) and not any(cell[:1] in ("=", "+", "-", "@") for cell in row)
