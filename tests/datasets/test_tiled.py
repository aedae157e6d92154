"""Large images in parts: the pixels, the boxes that a part shows, and what is only a piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.datasets.dataset import Dataset, DatasetReport, read_sample_image
from yolov3.datasets.tiled import cut_into_tiles
from yolov3.errors import UserError
from yolov3.structures import Sample
from yolov3.tiles.grid import TileRule

RULE = TileRule(side=64)


def data_set(folder: Path, size: tuple[int, int], boxes: list[list[float]]) -> Dataset:
    """An image of noise with boxes, every second one to be ignored."""
    path = folder / f"{size[0]}x{size[1]}.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8))
    array = np.array(boxes, np.float32).reshape(-1, 4)
    areas = 0.5 * (array[:, 2:] - array[:, :2]).prod(axis=1)  # of outlines that fill half of their boxes
    labels = np.arange(len(array)) % 2
    sample = Sample(path, size, array, labels, labels == 1, areas.astype(np.float32), 7)
    return Dataset((sample,), ("a", "b"), (1, 2), DatasetReport(images=1, boxes=len(array)), "noise")


def test_every_tile_is_that_part_of_the_image_with_that_part_of_its_boxes(tmp_path):
    generator = np.random.default_rng(1)
    corners = generator.integers(0, 130, (40, 2, 2))
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1) + 1), axis=1)
    whole = data_set(tmp_path, (150, 140), boxes.tolist())
    image = read_sample_image(whole.samples[0])
    tiles = RULE.tiles_of((150, 140), (64, 64))
    cut = cut_into_tiles(whole, RULE, (64, 64), minimum_visible=0.3)
    assert len(tiles) == len(cut) == 9 and [sample.region for sample in cut.samples] == list(tiles)
    assert [sample.image_id for sample in cut.samples] == [f"7:{number}" for number in range(1, 10)]
    for sample, (left, top, right, bottom) in zip(cut.samples, tiles):
        np.testing.assert_array_equal(read_sample_image(sample), image[top:bottom, left:right])
        places = iter(range(len(sample.boxes)))
        for box, label in zip(boxes.tolist(), whole.samples[0].labels.tolist()):  # by painting it
            painted = np.zeros((150, 140), bool)
            painted[box[1] : box[3], box[0] : box[2]] = True
            part = painted[top:bottom, left:right]
            if not part.any():
                continue
            place = next(places)
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            assert sample.boxes[place].tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            share = part.sum() / painted.sum()
            assert sample.labels[place] == label and sample.ignore[place] == (label == 1 or share < 0.3)
            assert sample.areas[place] == pytest.approx(0.5 * part.sum(), rel=1e-5)
        assert next(places, None) is None
    assert cut.report.images == 9 and cut.report.boxes == sum(len(sample.boxes) for sample in cut.samples)
    assert cut.report.problems == ("1 image cut into 9 tiles (64, overlap 0.2)",)
    assert (cut.names, cut.category_ids, cut.source) == (whole.names, whole.category_ids, whole.source)


def test_images_that_are_not_larger_stay_as_they_are(tmp_path):
    whole = data_set(tmp_path, (60, 64), [[1, 2, 30, 40]])
    assert cut_into_tiles(whole, RULE, (64, 64), minimum_visible=0.1) is whole
    large = data_set(tmp_path, (60, 100), [[1, 2, 30, 40]])
    both = replace(whole, samples=(*whole.samples, *large.samples))
    cut = cut_into_tiles(both, RULE, (64, 64), minimum_visible=0.1)
    assert cut.samples[0] is whole.samples[0] and cut.samples[0].region is None and len(cut) == 3
    background = cut.samples[2]
    assert background.boxes.shape == (0, 4) and cut.report.backgrounds == 1


def test_the_whole_is_a_part_too_where_it_is_wanted(tmp_path):
    whole = data_set(tmp_path, (100, 100), [[10, 20, 90, 95]])
    cut = cut_into_tiles(whole, TileRule(side=64, whole=True), (64, 64), minimum_visible=0.5)
    last = cut.samples[-1]
    assert last.region == (0, 0, 100, 100) and last.boxes.tolist() == [[10, 20, 90, 95]] and not last.ignore.any()
    np.testing.assert_array_equal(read_sample_image(last), read_sample_image(whole.samples[0]))


def test_an_image_that_is_smaller_than_its_annotation_says(tmp_path):
    whole = data_set(tmp_path, (100, 100), [[10, 20, 90, 95]])
    cut = cut_into_tiles(whole, RULE, (64, 64), minimum_visible=0.1)
    cv2.imwrite(str(cut.samples[0].path), np.zeros((80, 100, 3), np.uint8))
    read_sample_image(cut.samples[0])
    with pytest.raises(UserError, match=r"100x100\.png: the upright image is 100x80 .* its annotation says more"):
        read_sample_image(cut.samples[-1])


def test_more_tiles_than_anybody_wants(tmp_path):
    sample = replace(data_set(tmp_path, (100, 100), []).samples[0], size=(40_000, 40_000))
    huge = Dataset((sample,), (), (), DatasetReport(), "huge")
    with pytest.raises(UserError, match="40000x40000 would be cut into"):
        cut_into_tiles(huge, TileRule(side=32), (64, 64), minimum_visible=0.1)
