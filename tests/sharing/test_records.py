"""Records bring every bit back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.sharing.records import detections_of, record_of

NUMBER = some.floats(width=32, allow_nan=False, allow_infinity=False)


@given(some.lists(some.tuples(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, some.integers(0, 90), some.integers(1, 10**9))))
def test_there_and_back(rows):
    numbers = torch.tensor([row[:5] for row in rows], dtype=torch.float32).reshape(-1, 5)
    integers = torch.tensor([row[5:] for row in rows], dtype=torch.int64).reshape(-1, 2)
    found = Detections(numbers[:, :4], numbers[:, 4], integers[:, 0], ("a",), (4, 5), "x", tracks=integers[:, 1])
    record = json.loads(json.dumps(record_of(found)))
    assert detections_of(record, Path("run"), names=("a",), size=(4, 5)) == found
    del record["tracks"]
    assert detections_of(record, Path("run")).tracks is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"boxes": 3}, {"boxes": None}, {"scores": ["a"]}, {"labels": [0.5, {}]}, {"tracks": [1]}, {"boxes": [[1, 2, 3]]},
        {"scores": [0.5]}, {"labels": [10**30, 1]},
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(wrong):
    record = {"boxes": [[0, 0, 1, 1]] * 2, "scores": [0.5] * 2, "labels": [0, 1], **wrong}
    with pytest.raises(UserError, match=r"run: a part of the run is damaged .*; begin a new run"):
        detections_of(record, Path("run"))
