"""Findings about classes; more of them, in each format, are in test_examine.py."""

from __future__ import annotations

import random

import pytest

from yolov3.checks.classes import FEWEST_OBJECTS
from yolov3.doctor.class_checks import check_classes


def found(splits) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {finding.kind: (finding.severity, finding.places) for finding in check_classes(list(splits.values()))}


def test_a_class_is_rare_below_ten_objects(data, opened, tmp_path):
    data.names.append("square")
    for item in (*data.of("train")[: FEWEST_OBJECTS - 1], data.of("val")[0]):
        item.objects.append([3, 5, 7, 65, 57])
    assert found(opened(data.write("voc", tmp_path / "rare"))) == {"rare-class": ("warning", ("square (9)",))}
    data.of("train")[-1].objects.append([3, 5, 7, 65, 57])
    assert found(opened(data.write("voc", tmp_path / "ten"))) == {}


def test_shares_that_differ_are_told_by_images(data, opened, tmp_path):
    """A class on every image of val and on a quarter of train; that it comes in heaps on one image says nothing."""
    for number, item in enumerate(data.items):
        item.objects = [[0, 5, 7, 65, 57], [1, 70, 70, 100, 110]]
        if item.split == "val" or number % 4 == 0:
            item.objects.append([2, 110, 20, 150, 70])
        if item.stem == "val000":
            item.objects += [[1, 3 * step, 20, 40 + 3 * step, 70] for step in range(30)]
    kinds = found(opened(data.write("coco", tmp_path / "data")))
    assert set(kinds) == {"rare-class"}  # 6 in train; 14 images are too few to be beyond chance
    more = [type(item)(item.split, f"{item.stem}b", item.data, item.objects) for item in data.items]
    data.items += more
    kinds = found(opened(data.write("coco", tmp_path / "more")))
    assert kinds == {"class-shares-differ": ("warning", ("pointed (on 100% of the images, in train on 25%)",))}


@pytest.mark.parametrize("seed", range(5))
def test_what_chance_does_is_not_told(seed, data, opened, tmp_path):
    chance = random.Random(seed)
    for item in data.items:
        item.objects = [
            [label, 10 + 60 * label, 20, 50 + 60 * label, 70] for label in range(3) if chance.random() < 0.6
        ]
    assert "class-shares-differ" not in found(opened(data.write("yolo", tmp_path / "data")))


def test_images_without_objects_are_counted_with_their_share(data, opened, tmp_path):
    for item in data.of("train")[:6]:
        item.objects = []
    split = opened(data.write("yolo", tmp_path / "data"))["train"]
    (finding,) = [each for each in check_classes([split]) if each.kind == "image-without-objects"]
    assert finding.count == 6 and "6 images (25.0%)" in finding.what
    assert [data.items[number].stem in place for number, place in enumerate(finding.places)] == [True] * 6


def test_data_without_any_object_are_an_error(data, opened, tmp_path):
    for item in data.items:
        item.objects = []
    kinds = found(opened(data.write("yolo", tmp_path / "data")))
    assert kinds["no-objects"][0] == "error" and set(kinds) == {"no-objects", "absent-class"}


def test_a_single_split_has_only_absent_classes(data, opened, tmp_path):
    data.names.append("square")
    splits = opened(data.write("yolo", tmp_path / "data"))
    assert found({"val": splits["val"]}) == {"absent-class": ("warning", ("square",))}


def test_crowds_are_no_objects_to_learn(files, opened, tmp_path):
    content = files.coco_content()
    for entry in content["annotations"]:
        entry["iscrowd"] = int(entry["category_id"] == 3)
    kinds = found(opened(files.write_coco(tmp_path / "data", content)))
    assert set(kinds["absent-class"][1]) == {"cat"}
