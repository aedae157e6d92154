"""The rules for boxes that hold whatever the format, against a loop that applies them box by box."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import (
    CLIP_TOLERANCE,
    Classes,
    Images,
    Objects,
    as_list,
    assemble,
    check_class_names,
    given_names,
    path_ids,
    require_distinct,
)
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError

SIZES = ((20, 30), (10, 10), (1, 50))

Row = tuple[int, tuple[float, float, float, float], int, bool, float]  # image, box, label, ignore, area


def assembled(rows: list[Row], sizes: tuple[tuple[int, int], ...] = SIZES) -> Dataset:
    images = Images(
        [Path(f"{number}.png") for number in range(len(sizes))],
        np.array(sizes, np.int64).reshape(-1, 2),
        list(range(len(sizes))),
    )
    objects = Objects(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], bool),
        np.array([row[4] for row in rows], np.float64),
    )
    return assemble(images, objects, Classes(("a", "b"), (1, 2)), source="made up", problems=("odd",))


coordinates = some.one_of(
    some.floats(-60, 60, width=32), some.sampled_from([0.0, 1.0, 10.0, 20.0, 30.0, 10.25, -0.5, -0.51, 1e-9, 50.0])
)
rows = some.lists(
    some.tuples(
        some.integers(0, 2),
        some.tuples(coordinates, coordinates, coordinates, coordinates),
        some.integers(0, 1),
        some.booleans(),
        some.sampled_from([math.nan, 7.5]),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(rows)
def test_as_a_loop_that_applies_the_rules_box_by_box(rows):
    expected: list[list[tuple]] = [[] for _ in SIZES]
    counts = {"flat": 0, "outside": 0, "clipped": 0}
    for image, (left, top, right, bottom), label, ignore, area in rows:
        height, width = SIZES[image]
        if not (right > left and bottom > top):
            counts["flat"] += 1
            continue
        exact = [min(max(v, 0.0), s) for v, s in zip((left, top, right, bottom), (width, height, width, height))]
        box = [float(np.float32(value)) for value in exact]
        moved = max(abs(a - b) for a, b in zip(exact, (left, top, right, bottom)))
        if not (box[2] > box[0] and box[3] > box[1]):
            counts["outside" if moved > 0 else "flat"] += 1
            continue
        counts["clipped"] += moved > CLIP_TOLERANCE
        expected[image].append((box, label, ignore, area))
    dataset = assembled(rows)
    report = dataset.report
    assert (report.dropped_zero_area, report.dropped_outside, report.clipped) == tuple(counts.values())
    for sample, size, kept in zip(dataset.samples, SIZES, expected, strict=True):
        assert sample.size == size
        assert sample.boxes.tolist() == [box for box, *_ in kept]
        assert sample.labels.tolist() == [label for _, label, *_ in kept]
        assert sample.ignore.tolist() == [ignore for *_, ignore, _ in kept]
        for own, ((left, top, right, bottom), *_, area) in zip(sample.areas.tolist(), kept):
            assert own == pytest.approx((right - left) * (bottom - top) if math.isnan(area) else area, rel=1e-6)
    assert report.boxes == sum(map(len, expected)) and report.images == 3 and report.problems == ("odd",)


def test_boxes_without_area_or_outside_are_dropped_or_clipped_and_counted(files, tmp_path):
    content = files.coco_content()
    boxes = [[5, 5, 0, 9], [200, 5, 5, 5], [-10, -10, 30, 30], [60, 40, 20, 20]]
    for annotation, box in zip(content["annotations"], boxes):
        annotation.update(bbox=box, image_id=files.coco_ids["one"])
    dataset = files.opened(files.write_coco(tmp_path, content))
    report = dataset.report
    assert (report.dropped_zero_area, report.dropped_outside, report.clipped, report.boxes) == (1, 1, 2, 2)
    assert "1 dropped zero area" in report.summary()
    assert dataset.samples[0].boxes.tolist() == [[0, 0, 20, 20], [60, 40, 64, 48]]


def test_nothing_at_all():
    dataset = assembled([], ())
    assert len(dataset) == 0 and dataset.report.images == dataset.report.boxes == 0


def test_a_sliver_that_float32_makes_flat_is_dropped():
    near = 30 - 1e-9
    report = assembled([(0, (near, 0, 30, 20), 0, False, math.nan)]).report
    assert (report.boxes, report.dropped_zero_area, report.dropped_outside) == (0, 1, 0)


def test_images_are_called_by_their_stem_or_by_their_path_where_that_is_not_enough():
    root = Path("/set")
    assert path_ids([root / "a" / "1.jpg", root / "b" / "2.jpg"], root) == ["1", "2"]
    twins = [root / "a" / "1.jpg", root / "b" / "1.jpg", Path("/elsewhere/2.jpg")]
    assert path_ids(twins, root) == ["a/1.jpg", "b/1.jpg", "/elsewhere/2.jpg"]


@pytest.mark.parametrize(
    ("names", "expected"), [(None, None), (("b", "a"), ("b", "a")), ({1: "a", 0: "b"}, ("b", "a")), ({}, ())]
)
def test_names_in_the_order_of_the_labels(names, expected):
    assert given_names(DataSection(names=names)) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({0: "a", 2: "b"}, r"data\.names: class numbers must be 0 to 1, found 0, 2"),
        ({1: "a"}, "class numbers must be 0 to 0, found 1"),
        (("a", "b", "a"), r"data\.names: class name 'a' stands 2 times, at positions 0, 2"),
        ({0: "a", 1: "a"}, "name 'a' stands 2 times"),
    ],
)
def test_names_with_gaps_and_doubles_are_refused(names, message):
    with pytest.raises(UserError, match=message):
        given_names(DataSection(names=names))


def test_one_text_or_several():
    assert as_list("abc") == ("abc",)
    assert as_list(["a", "b"]) == ("a", "b")


def test_doubles_are_told_with_their_places():
    require_distinct([1, "1", 2], what="id", source="x.json")
    with pytest.raises(UserError, match=r"^x\.json: id 7 stands 3 times, at positions 0, 2, 3$"):
        require_distinct([7, 1, 7, 7, 1], what="id", source="x.json")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cat", "dog", "cat"), "class name 'cat' stands 2 times, at positions 0, 2"),
        (("ball\ud800",), "class 0: not a class name: it holds unprintable characters"),
        (("cat", ""), "class 1: not a class name: it is empty"),
    ],
)
def test_class_names_of_all_formats_pass_one_door(names, message):
    with pytest.raises(UserError) as caught:
        check_class_names(names, source="a.json")
    assert str(caught.value) == f"a.json: {message}"
