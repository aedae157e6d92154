"""What was found, as records: exit codes, order, plain values."""

from __future__ import annotations

import json

import pytest

from yolov3.checks.finding import Finding
from yolov3.doctor.finding import Examination, SplitCounts, in_order


def made(*severities: str) -> Examination:
    findings = tuple(
        Finding(f"kind-{number}", severity, "so it is", ("a:1", "b:2"), 2, "much", "do")
        for number, severity in enumerate(severities)
    )
    return Examination("there", (SplitCounts("train", "here", 3, 4),), ("cat",), in_order(findings))


@pytest.mark.parametrize(
    ("severities", "code", "strict"),
    [
        ((), 0, 0),
        (("note", "note"), 0, 0),
        (("note", "warning"), 1, 2),
        (("warning", "error"), 2, 2),
        (("error",), 2, 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(severities, code, strict):
    found = made(*severities)
    assert (found.exit_code(), found.exit_code(strict=True)) == (code, strict)


def test_the_worst_comes_first_and_equals_stay_in_their_order():
    found = made("note", "error", "warning", "error", "note")
    assert [finding.kind for finding in found.findings] == ["kind-1", "kind-3", "kind-2", "kind-0", "kind-4"]
    assert [found.count(severity) for severity in ("error", "warning", "note")] == [2, 1, 2]
    assert [finding.severity for finding in found.of_kind("kind-2")] == ["warning"] and found.of_kind("kind") == ()


def test_plain_values_are_json_and_whole():
    plain = made("warning").as_plain()
    assert json.loads(json.dumps(plain)) == plain == {
        "target": "there",
        "splits": [{"name": "train", "source": "here", "images": 3, "boxes": 4}],
        "classes": ["cat"],
        "errors": 0,
        "warnings": 1,
        "notes": 0,
        "findings": [
            {"kind": "kind-0", "severity": "warning", "what": "so it is", "places": ["a:1", "b:2"], "count": 2,
             "costs": "much", "advice": "do"}
        ],
    }  # fmt: skip
