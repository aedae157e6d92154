"""Crops show what lies around a box, with the truth and what was found, wherever the box lies."""

from __future__ import annotations

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.images.files import write_image
from yolov3.reporting.crops import FOUND, SIDE, TRUTH, Wanted, crops_of, draw_crop
from yolov3.structures import Sample

GREY = np.full((100, 200, 3), 128, np.uint8)


def count(crop: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((crop == colour).all(-1).sum())


def test_both_boxes_are_seen_at_their_places():
    crop = draw_crop(GREY, (80, 40, 120, 60), (84, 42, 124, 62))
    assert max(crop.shape) == SIDE and count(crop, TRUTH) > 100 and count(crop, FOUND) > 50
    scale = SIDE / (44 + 2 * 0.6 * 44)  # the boxes' hull and what is around it
    columns = np.nonzero((crop == TRUTH).all(-1))[1]
    margin = 0.6 * 44 * scale
    assert abs(columns.min() - margin) < 2 and abs(columns.max() - margin - 40 * scale) < 2.5


@pytest.mark.parametrize(
    "box",
    [(0, 0, 200, 100), (0, 0, 1, 1), (199, 99, 200, 100), (50, 50, 50, 50), (-20, -20, 30, 30), (250, 130, 260, 140)],
)
def test_a_box_may_lie_anywhere(box):
    for truth, found in ((box, None), (None, box), (box, (10, 10, 20, 20))):
        crop = draw_crop(GREY, truth, found)
        assert crop.dtype == np.uint8 and crop.ndim == 3 and min(crop.shape[:2]) >= 1 and max(crop.shape[:2]) == SIDE


def test_the_image_is_left_as_it_is():
    before = GREY.copy()
    draw_crop(GREY, (0, 0, 200, 100), (10, 10, 50, 50))
    assert np.array_equal(GREY, before)


@pytest.fixture
def dataset(tmp_path):
    samples = []
    for number, value in enumerate((40, 200)):
        path = tmp_path / f"{number}.png"
        write_image(path, np.full((60, 80, 3), value, np.uint8))
        boxes = np.array([[10, 10, 30, 30]], np.float32)
        none = np.zeros(1, bool)
        samples.append(Sample(path, (60, 80), boxes, np.zeros(1, np.int64), none, np.full(1, 400, np.float32), number))
    return Dataset(tuple(samples), ("cat",), (1,), DatasetReport(), "drawn")


def test_crops_come_in_the_order_in_which_they_are_wanted(dataset):
    wanted = [Wanted(1, (10, 10, 30, 30)), Wanted(0, None, (40, 40, 60, 50)), Wanted(1, None, (5, 5, 20, 20))]
    addresses = crops_of(dataset, wanted)
    means = []
    for address in addresses:
        head, _, data = address.partition(",")
        assert head == "data:image/jpeg;base64"
        means.append(cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR).mean())
    assert means[0] > 150 and means[1] < 80 and means[2] > 150


def test_an_image_that_is_gone_has_no_crop(dataset):
    dataset.samples[0].path.unlink()
    assert crops_of(dataset, [Wanted(0, (1, 1, 5, 5)), Wanted(1, (1, 1, 5, 5))])[0] == ""
    assert crops_of(replace(dataset, samples=()), []) == []
