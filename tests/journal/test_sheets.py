"""Sheets of images: what stands where, which boxes are drawn, and how large it all may become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.images.files import write_image
from yolov3.journal.sheets import COLUMNS, MOST_IMAGES, SURE, TILE_SIDE, TRUTH, batch_sheet, prediction_sheet
from yolov3.structures import Batch, Sample, Targets

GREY = 90
NAMES = ("cat", "dog")


def sample_of(path: Path = Path("x.png"), size=(60, 80), boxes=()) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(array)
    return Sample(path, size, array, np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, np.float32), 0)


def batch_of(count: int, boxes=(), *, size=(60, 80), as_float: bool = False, ignore: bool = False) -> Batch:
    """Grey images, each a little brighter than the one before, of which the first has the boxes."""
    images = torch.stack([torch.full((3, *size), GREY + number, dtype=torch.uint8) for number in range(count)])
    total = len(boxes)
    targets = Targets(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), torch.zeros(total, dtype=torch.int64),
        torch.zeros(total, dtype=torch.int64), torch.full((total,), ignore), torch.ones(total),
    )  # fmt: skip
    return Batch(images.float() / 255 if as_float else images, targets, (sample_of(size=size),) * count)


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 1, 4), (5, 2, 4), (8, 2, 4), (30, 2, 4)]
)
def test_images_stand_in_rows_as_many_as_may_be_shown(count, rows, columns):
    sheet = batch_sheet(batch_of(count), NAMES)
    assert sheet.shape == (rows * 60, columns * 80, 3) and sheet.dtype == np.uint8
    shown = min(count, MOST_IMAGES)
    for number in range(rows * columns):
        top, left = number // COLUMNS * 60, number % COLUMNS * 80
        tile = sheet[top : top + 60, left : left + 80]
        assert (tile == (GREY + number if number < shown else 0)).all()


def test_images_of_floats_are_those_of_bytes():
    boxes = [(10, 10, 50, 40)]
    assert np.array_equal(batch_sheet(batch_of(3, boxes, as_float=True), NAMES), batch_sheet(batch_of(3, boxes), NAMES))


def test_boxes_are_drawn_on_their_own_image_alone():
    sheet = batch_sheet(batch_of(2, [(10, 20, 50, 50)]), NAMES)
    changed = np.argwhere((sheet[:, :80] != GREY).any(axis=2))
    assert len(changed) > 50 and (sheet[:, 80:] == GREY + 1).all()
    assert changed[:, 1].min() >= 8 and changed[:, 0].max() <= 51


def test_what_is_ignored_is_called_so():
    plain, ignored = (batch_sheet(batch_of(1, [(5, 30, 75, 55)], ignore=flag), NAMES) for flag in (False, True))
    assert not np.array_equal(plain, ignored)


@pytest.mark.parametrize(("size", "tile"), [((60, 80), (60, 80)), ((832, 416), (416, 208)), ((416, 1664), (104, 416))])
def test_large_images_are_made_small_and_small_ones_stay(size, tile):
    assert batch_sheet(batch_of(1, size=size), NAMES).shape == (*tile, 3)
    assert max(tile) <= TILE_SIDE


def write_dataset(folder: Path, sizes, boxes=()) -> Dataset:
    """Grey images on disk; the first one has the boxes."""
    samples = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.png"
        write_image(path, np.full((*size, 3), GREY, np.uint8))
        samples.append(sample_of(path, size, boxes if number == 0 else ()))
    return Dataset(tuple(samples), NAMES, (1, 2), DatasetReport(), "the test")


def found_of(*rows) -> Detections:
    """Detections of (left, top, right, bottom, score, label)."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].long(), NAMES)


def test_the_truth_is_a_white_frame_at_its_place(tmp_path):
    dataset = write_dataset(tmp_path, [(60, 80)], [(10, 20, 50, 40)])
    sheet = prediction_sheet(dataset, [Detections.empty(NAMES)])
    expected = np.full((60, 80, 3), GREY, np.uint8)
    expected[20:40, 10:50] = TRUTH
    expected[21:39, 11:49] = GREY
    assert np.array_equal(sheet, expected)


def test_a_truth_of_a_large_image_is_made_small_with_it(tmp_path):
    dataset = write_dataset(tmp_path, [(832, 832)], [(100, 200, 400, 600)])
    white = np.argwhere((prediction_sheet(dataset, [Detections.empty(NAMES)]) == 255).all(axis=2))
    assert white.min(axis=0).tolist() == [100, 50] and white.max(axis=0).tolist() == [299, 199]


def test_what_is_found_in_a_large_image_is_made_small_with_it(tmp_path):
    dataset = write_dataset(tmp_path, [(832, 832)])
    sheet = prediction_sheet(dataset, [found_of((100, 200, 400, 600, 0.9, 0))])
    # Its sides stand where half of its numbers are; below its label, which stands on or above its upper side.
    columns = np.flatnonzero((sheet[200:280] != GREY).any(axis=(0, 2)))
    rows = np.flatnonzero((sheet[:, 100:150] != GREY).any(axis=(1, 2)))
    assert np.abs([columns.min() - 50, columns.max() - 200, rows.max() - 300]).max() <= 3


def test_only_what_is_sure_is_drawn(tmp_path):
    dataset = write_dataset(tmp_path, [(60, 80)])
    nothing = prediction_sheet(dataset, [Detections.empty(NAMES)])
    doubtful = prediction_sheet(dataset, [found_of((10, 20, 50, 50, SURE - 0.01, 0))])
    sure = prediction_sheet(dataset, [found_of((10, 20, 50, 50, SURE, 0))])
    assert np.array_equal(nothing, doubtful) and not np.array_equal(nothing, sure)
    other = prediction_sheet(dataset, [found_of((10, 20, 50, 50, SURE, 1))])
    assert not np.array_equal(sure, other)  # each class its colour and name


def test_images_of_all_shapes_share_a_sheet_on_black(tmp_path):
    sizes = [(60, 80), (100, 40), (832, 416), (30, 30), (10, 200)]
    dataset = write_dataset(tmp_path, sizes)
    sheet = prediction_sheet(dataset, [Detections.empty(NAMES)] * 5)
    assert sheet.shape == (2 * 416, 4 * 208, 3)
    assert (sheet[:100, 208:248] == GREY).all() and (sheet[100:416, 208:248] == 0).all()
    assert (sheet[416:426, :200] == GREY).all() and (sheet[426:] == 0).all()


def test_no_images_are_a_black_dot(tmp_path):
    sheet = prediction_sheet(write_dataset(tmp_path, []), [])
    assert sheet.shape == (1, 1, 3) and not sheet.any()
