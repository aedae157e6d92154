"""The load on a server: every answer is held against the image's own, and one that is another's is seen."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import load
import pytest

for _module in ("starlette", "uvicorn", "multipart", "prometheus_client"):
    pytest.importorskip(_module, reason="the extra serve is not installed")

SCRIPT = Path(load.__file__)


def test_a_table_tells_rates_and_that_nothing_was_lost(write_seeing_model, tmp_path):
    weights = write_seeing_model(tmp_path / "small.pt", width=0.0625)
    words = [str(weights), "--requests", "60", "--clients", "1", "5", "--images", "7", "--size", "64x48"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--", "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    count, heading, _, *rows, last = done.stdout.splitlines()
    assert count == "7 images" and heading.count("|") == 9 and last == "0 lost or wrong"
    for row, clients in zip(rows, ("1", "5"), strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[:2] == [clients, "30"] and cells[5] == "0" and 1 <= float(cells[6]) <= 8
        assert float(cells[2]) > 1 and 0 < float(cells[3]) <= float(cells[4])


ANSWER = [
    {"class": 1, "score": 0.5, "box": [1.0, 2.0, 30.0, 40.0]},
    {"class": 2, "score": 0.4, "box": [5.0, 2.0, 30.0, 40.0]},
]


@pytest.mark.parametrize(
    ("place", "key", "value", "same"),
    [
        (0, "score", 0.5009, True), (0, "score", 0.52, False), (1, "class", 1, False), (0, "box", [1.04, 2, 30, 40], True),
        (0, "box", [1.2, 2, 30, 40], False),
    ],
)  # fmt: skip
def test_what_counts_as_the_same_answer(place, key, value, same):
    other = copy.deepcopy(ANSWER)
    other[place][key] = value
    assert load.alike(ANSWER, other) == load.alike(other, ANSWER) == same


def test_what_is_missing_is_missed_unless_it_is_at_the_threshold():
    assert load.alike(ANSWER, ANSWER[::-1])
    assert not load.alike(ANSWER, ANSWER[:1]) and not load.alike(ANSWER[1:], ANSWER)
    assert load.alike(ANSWER, [*ANSWER, {"class": 1, "score": 0.1005, "box": [0, 0, 1, 1]}])


def test_images_of_one_answer_are_left_out():
    answers = [{"detections": ANSWER}, {"detections": []}, {"detections": ANSWER}, {"detections": ANSWER[:1]}]
    assert load.different([b"a", b"b", b"c", b"d"], answers)[0] == [b"b", b"d"]
    with pytest.raises(SystemExit, match="finds nothing"):
        load.different([b"a", b"c"], [answers[0], answers[2]])
