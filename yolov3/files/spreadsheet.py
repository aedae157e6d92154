"""Cells of a table that a spreadsheet opens: texts, never formulas."""

from __future__ import annotations

from yolov3.watching.printable import printable

_RUNS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four are the first, but wide


def spreadsheet_safe(text: str) -> str:
    """A text of others, such as a class's or a file's name, as the cell of a csv: what a spreadsheet would run begins with an
    apostrophe, by which it is told to be a text, and nothing in it steers a terminal or ends a row."""
    return f"'{printable(text)}" if text.lstrip(" ").startswith(_RUNS) else printable(text)
