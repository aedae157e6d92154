"""Numbers and what they mean, lists with gaps, class numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.datasets.tree import Tree
from yolov3.doctor.survey import (
    RULES,
    Complaints,
    Lookup,
    classes_count_from_one,
    corners,
    read_list_leniently,
    unread,
)

numbers = st.floats(-500, 500)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=5))
def test_forms_are_what_their_names_say(rows):
    table = np.array(rows, np.float64).reshape(-1, 4)
    assert np.array_equal(corners(table, "xyxy"), table)
    for (a, b, c, d), by_corner, by_centre in zip(rows, corners(table, "xywh"), corners(table, "cxcywh")):
        assert by_corner.tolist() == pytest.approx([a, b, a + c, b + d])
        assert by_centre.tolist() == pytest.approx([a - c / 2, b - d / 2, a + c / 2, b + d / 2])


@pytest.mark.parametrize(
    ("used", "num_classes", "first", "expected"),
    [
        ([1, 2, 3], 3, 0, True),
        ([3, 3], 3, 0, True),
        ([0, 1, 3], 3, 0, False),  # 0 occurs
        ([1, 2], 3, 0, False),  # nothing is too high
        ([1, 4], 3, 0, False),  # too high by more than one
        ([2, 3, 4], 3, 1, True),
        ([], 3, 0, False),
        ([-1, 3], 3, 0, False),
    ],
)
def test_classes_that_count_from_one(used, num_classes, first, expected):
    assert classes_count_from_one(used, num_classes, first) is expected


def test_of_a_list_what_is_there_is_taken_and_what_is_not_is_told_with_its_line(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for place in ("images/a.jpg", "images/b.jpg", "elsewhere/c.jpg"):
        (tmp_path / place).write_bytes(b"x")
    file = tmp_path / "train.txt"
    file.write_text('images/a.jpg\n\nimages/gone.jpg\n  "images/b.jpg"\n/other/machine/c.jpg\n')
    complaints = Complaints("train")
    listed = read_list_leniently(file, Tree(tmp_path), complaints)
    assert [path.relative_to(tmp_path).as_posix() for path in listed.found] == [
        "images/a.jpg", "images/b.jpg", "elsewhere/c.jpg"
    ]  # fmt: skip
    assert listed.where == [f"{file}:1", f"{file}:4", f"{file}:5"]
    missing, elsewhere = complaints.findings()
    assert (missing.kind, missing.places) == ("missing-image", (f"{file}:3: images/gone.jpg",))
    assert (elsewhere.kind, elsewhere.count, elsewhere.severity) == ("image-elsewhere", 1, "note")
    assert missing.what.startswith("train: 1 image named and not there")


def test_paths_with_a_dot_count_from_the_list(tmp_path):
    (tmp_path / "lists" / "images").mkdir(parents=True)
    (tmp_path / "lists" / "images" / "a.jpg").write_bytes(b"x")
    file = tmp_path / "lists" / "train.txt"
    file.write_text("./images/a.jpg\n")
    complaints = Complaints("train")
    assert read_list_leniently(file, Tree(tmp_path), complaints).found == [tmp_path / "lists" / "images" / "a.jpg"]
    assert complaints.findings() == ()


def test_a_lookup_asks_each_folder_once(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    lookup = Lookup(Tree(tmp_path))
    assert lookup.has(tmp_path / "a.jpg") and not lookup.has(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes(b"x")
    assert not lookup.has(tmp_path / "b.jpg") and not lookup.has(tmp_path / "no" / "b.jpg")


def test_complaints_become_one_finding_for_each_kind():
    complaints = Complaints("val", refused=frozenset(("outline",)))
    for number in range(200):
        complaints.add("outline", number)
    complaints.add("broken-label", "x:1")
    outline, label = complaints.findings()
    assert (outline.kind, outline.severity, outline.count, len(outline.places)) == ("outline", "error", 200, 100)
    assert (label.kind, label.severity, label.places) == ("broken-label", "error", ("x:1",))
    assert Complaints("val").findings() == ()


def test_every_rule_is_told_in_whole_words():
    for kind, rule in RULES.items():
        assert kind == kind.lower() and " " not in kind
        assert rule.noun and rule.says and rule.costs
        assert rule.advice or rule.severity == "note"
    finding = unread("train", "there", "there: it is no json")
    assert (finding.kind, finding.severity) == ("unreadable-split", "error") and "train: there" in finding.what
    assert unread("test", "there", "gone").severity == "warning"  # training does not need it
