"""What is said of data before anything is learned from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from yolov3.datasets.checks import describe_anchors, describe_data, describe_overlap, without_repeated
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Level, Preprocessing, Sample


def boxes_of_sides(*sides: tuple[float, float]) -> Dataset:
    boxes = np.array([(0, 0, width, height) for width, height in sides], np.float32)
    labels, ignore = np.zeros(len(boxes), np.int64), np.zeros(len(boxes), bool)
    sample = Sample(Path("x.png"), (256, 256), boxes, labels, ignore, np.ones(len(boxes), np.float32), 0)
    return Dataset((sample,), ("thing",), (1,), DatasetReport(images=1, boxes=len(boxes)), "made up")


def test_data_are_one_line_and_a_line_per_problem(files, tmp_path):
    content = files.coco_content()
    content["annotations"][0]["bbox"] = [5, 5, 0, 5]
    content["images"][1].update(file_name="one.png", width=64, height=48)
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert describe_data(dataset, "training").splitlines() == [
        f"training: 3 images, 3 boxes, 1 background, 1 dropped zero area; 3 classes ({dataset.source})",
        f"{tmp_path}/annotations/instances_val.json: 1 image with a file that was named before",
    ]


def test_what_is_true_of_both_splits_is_said_once(files, tmp_path):
    first = files.opened(files.write_yolo(tmp_path))
    second = first.part([0, 1], note="of the second only")
    assert first.report.problems and set(first.report.problems) < set(second.report.problems)
    assert without_repeated(second, first).report.problems == ("of the second only",)


def test_images_in_both_splits_are_warned_of_and_others_are_not(files, tmp_path):
    first = files.opened(files.write_yolo(tmp_path / "first"))
    second = files.opened(files.write_yolo(tmp_path / "second"))
    assert describe_overlap(first, second) == (
        f"warning: 3 of the validation images are training images too, such as {tmp_path}/second/images/val/one.png"
    )
    for image in (tmp_path / "second" / "images" / "val").iterdir():
        image.write_bytes(image.read_bytes() + b" ")
    assert describe_overlap(first, second) is None
    shutil.copy(tmp_path / "first/images/val/two.png", tmp_path / "second/images/val/two.png")
    assert "1 of the validation images" in (describe_overlap(first, second) or "")


def test_anchors_that_match_are_told_with_the_sides_of_the_boxes():
    sides = [(16, 16), (32, 32), (64, 64), (128, 128)] * 10
    levels = (Level(32, ((64, 64), (128, 128))), Level(16, ((16, 16), (32, 32))))
    assert describe_anchors(boxes_of_sides(*sides), Preprocessing(size=(256, 256)), levels) == (
        "boxes are 16 to 128 pixels in the network's input (median 48), its strides 32, 16; anchors fit them with a mean "
        "IoU of 1.00, recall 1.000"
    )


@pytest.mark.parametrize(("matching", "warned"), [(100, False), (90, False), (89, True), (0, True)])
def test_anchors_that_miss_much_are_warned_of(matching, warned):
    sides = [(32.0, 32.0)] * matching + [(8.0, 8.0)] * (100 - matching)
    levels = (Level(32, ((32, 32),)),)
    text = describe_anchors(boxes_of_sides(*sides), Preprocessing(size=(256, 256)), levels)
    assert re.search(r"recall (\d\.\d+)", text)[1] == f"{matching / 100:.3f}"
    mean = (matching + (100 - matching) / 16) / 100
    assert f"mean IoU of {mean:.2f}" in text
    assert ("warning: these anchors miss much of the data; `yolov3 anchors CONFIG` fits better ones" in text) == warned
