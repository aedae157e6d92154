"""What is said of data before anything is learned from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolov3.checks.described import describe_anchors, describe_data, without_repeated
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


def test_anchors_that_match_are_told_with_the_sides_of_the_boxes():
    sides = [(16, 16), (32, 32), (64, 64), (128, 128)] * 10
    levels = (Level(32, ((64, 64), (128, 128))), Level(16, ((16, 16), (32, 32))))
    assert describe_anchors(boxes_of_sides(*sides), Preprocessing(size=(256, 256)), levels) == (
        "boxes are 16 to 128 pixels in the network's input (median 48), its strides 32, 16; anchors fit them with a mean "
        "IoU of 1.00, recall 1.000"
    )
