"""What cannot be asked for is refused before anything is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.rewriting.options import ConvertDataOptions, SplitOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"val": 0.0}, "val must be a share above 0 and below 1, found 0"),
        ({"val": 1.0}, "val must be a share above 0 and below 1, found 1"),
        ({"val": float("nan")}, "val must be a share above 0 and below 1, found nan"),
        ({"test": -0.1}, "test must be a share from 0 to below 1, found -0.1"),
        ({"test": float("nan")}, "test must be a share from 0 to below 1, found nan"),
        ({"val": 0.5, "test": 0.5}, "val=0.5 and test=0.5 leave nothing to train on; their sum must be below 1"),
        ({"seed": -1}, "seed must be 0 or more, found -1"),
        ({"group_by": "("}, "group_by: '(' is no regular expression: missing ), unterminated subpattern at position 0"),
    ],
)
def test_shares_that_cannot_be(values, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        SplitOptions("data", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"to": "kitti"}, "to: found 'kitti'; allowed: coco, voc, yolo"),
        ({"splits": ()}, "splits: found none; allowed: train, val, test"),
        ({"splits": ("train", "valid")}, "splits: found ['valid']; allowed: train, val, test"),
    ],
)
def test_conversions_that_cannot_be(values, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        ConvertDataOptions(**{"data": "data", "to": "coco", "out": Path("new"), **values})


def test_what_is_usual_needs_no_words():
    assert SplitOptions("data") == SplitOptions("data", 0.2, 0.0, 0, None, None, None, ())
    assert not ConvertDataOptions("data", "voc", Path("new")).copy
