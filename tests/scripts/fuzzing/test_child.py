"""What of an input is a fault, apart from what it raises and takes (tests/scripts/fuzzing/test_harness.py)."""

from __future__ import annotations

import pytest
from fuzzing.child import LONGEST_LINE, MOST_LINES, _fault_of_message


@pytest.mark.parametrize("text", ["x.cfg:3: found 7", "one\ntwo", "é 漢", "x" * LONGEST_LINE, "\n" * (MOST_LINES - 1)])
def test_messages_that_can_be_shown(text):
    assert _fault_of_message(text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x" * (LONGEST_LINE + 1), "long"), ("\n" * MOST_LINES, "long"), ("\x1b[2J", "steers"), ("a\rb", "steers"),
        ("\ud800", "steers"), ("\u202e", "steers"),
    ],
)  # fmt: skip
def test_messages_that_cannot(text, what):
    fault = _fault_of_message(text)
    assert fault is not None and (fault.kind, fault.what) == ("message", what)
