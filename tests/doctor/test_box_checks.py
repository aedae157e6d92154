"""Findings about boxes, beside slow checks of each box; each fault in each format is in test_examine.py."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from yolov3.doctor.box_checks import FEWEST_FOR_A_FORM, check_boxes, other_form


def slow_counts(objects: list[list[tuple[float, ...]]], height: float, width: float) -> dict[str, int]:
    """What is wrong with whole-numbered boxes (label, left, top, right, bottom) of images, one after the other."""
    found: Counter[str] = Counter()
    for boxes in objects:
        seen: Counter[tuple] = Counter()
        classes: dict[tuple, set] = {}
        for label, *box in boxes:
            classes.setdefault(tuple(box), set()).add(label)
        for label, *box in boxes:
            left, top, right, bottom = box
            if right < left or bottom < top:
                found["inside-out-box"] += 1
            elif right == left or bottom == top:
                found["box-without-area"] += 1
            elif right <= 0 or bottom <= 0 or left >= width or top >= height:
                found["box-outside"] += 1
            elif left < 0 or top < 0 or right > width or bottom > height:
                found["box-reaches-out"] += 1
            if seen[(label, *box)]:
                found["doubled-box"] += 1
            elif len(classes[tuple(box)]) > 1:
                found["box-with-two-classes"] += 1
            seen[(label, *box)] += 1
    return dict(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_counts_are_those_of_the_slow_way(seed, format, data, opened, tmp_path):
    chance = random.Random(seed)
    height, width = data.size
    for item in data.items:
        for _ in range(4):
            left, top = chance.randint(-20, width - 10), chance.randint(-20, height - 10)
            item.objects.append(
                [chance.randrange(3), left, top, left + chance.randint(-3, 60), top + chance.randint(-3, 60)]
            )
        for _ in range(2):
            item.objects.append([chance.randrange(3), *chance.choice(item.objects)[1:]])
    splits = opened(data.write(format, tmp_path / "data"))
    for name, split in splits.items():
        expected = slow_counts([item.objects for item in data.of(name)], height, width)
        assert {finding.kind: finding.count for finding in check_boxes(split)} == expected
        assert len(expected) >= 5


def test_places_are_those_of_the_boxes(data, opened, tmp_path):
    item = data.of("train")[0]
    item.objects = [[0, 5, 5, 50, 50], [0, 60, 60, 60, 90], [1, 5, 5, 50, 50], [0, 5, 5, 50, 50], [2, 70, 70, 90, 90]]
    split = opened(data.write("yolo", tmp_path / "data"))["train"]
    lines = {
        finding.kind: [int(place.rpartition(":")[2]) for place in finding.places] for finding in check_boxes(split)
    }
    assert lines == {"box-without-area": [2], "doubled-box": [4], "box-with-two-classes": [1, 3]}


def test_the_same_box_on_two_images_is_not_doubled(data, opened, tmp_path):
    for item in data.items:
        item.objects = [[0, 5, 5, 50, 50]]
    assert list(check_boxes(opened(data.write("voc", tmp_path / "data"))["train"])) == []


def test_crowds_may_lie_on_objects(files, opened, tmp_path):
    content = files.coco_content()
    content["annotations"].append({**content["annotations"][0], "id": 900, "iscrowd": 1})
    assert list(check_boxes(opened(files.write_coco(tmp_path / "data", content))["val"])) == []


@pytest.mark.parametrize("wrong", [2, 7])
def test_a_few_slips_are_no_other_form(wrong, data, opened, tmp_path):
    """Of 58 boxes; all of them as corner and size would be another form."""
    boxes = [each for item in data.of("train") for each in item.objects]
    for each in boxes[:wrong]:
        each[1:3], each[3:] = [100, 90], [40, 30]
    split = opened(data.write("voc", tmp_path / "data"))["train"]
    assert other_form(split) is None
    assert {finding.kind for finding in check_boxes(split)} >= {"inside-out-box"}


def test_of_a_few_boxes_no_form_is_told(data, opened, tmp_path):
    for item in data.items:
        item.objects = []
    data.items[0].objects = [[0, 100, 90, 40, 30]] * (FEWEST_FOR_A_FORM - 1)
    split = opened(data.write("voc", tmp_path / "data"))["train"]
    assert other_form(split) is None
    data.items[0].objects = [[0, 100, 90, 40 + number, 30] for number in range(FEWEST_FOR_A_FORM)]
    assert other_form(opened(data.write("voc", tmp_path / "more"))["train"]) == "xywh"


def test_no_objects_are_nothing_to_find(data, opened, tmp_path):
    for item in data.items:
        item.objects = []
    assert list(check_boxes(opened(data.write("yolo", tmp_path / "data"))["train"])) == []
