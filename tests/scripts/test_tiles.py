"""The script of tiles: scenes hold their boxes where their images lie, and both ways are measured."""

from __future__ import annotations

import numpy as np
import pytest
import tiles
import torch

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import read_sample_image
from yolov3.detections import Detections
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return write_shapes_dataset(tmp_path_factory.mktemp("tiles") / "shapes", train=1, val=4, unseen=0, seed=0)


def test_a_scene_holds_its_images_and_their_boxes(shapes, tmp_path):
    dataset = open_dataset(DataSection(root=str(shapes)), "val")
    tiles.write_scenes(dataset, tmp_path, count=2, grid=2, seed=1)
    scenes = open_dataset(DataSection(root=str(tmp_path)), "val")
    assert len(scenes.samples) == 2 and scenes.names == dataset.names
    pieces = {read_sample_image(sample)[:8, :8].tobytes() for sample in dataset.samples}
    for sample in scenes.samples:
        image = read_sample_image(sample)
        assert image.shape == (2 * tiles.CELL, 2 * tiles.CELL, 3) and len(sample.boxes) > 0
        box = np.rint(sample.boxes[0]).astype(int)
        assert (image[box[1] : box[3], box[0] : box[2]] != 114).any()
        rows, columns = np.nonzero((image[: tiles.CELL, : tiles.CELL] != 114).any(axis=2))
        top, left = rows.min(), columns.min()
        assert image[top : top + 8, left : left + 8].tobytes() in pieces


def test_a_box_that_is_found_twice():
    truth = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [50, 50, 60, 60]])
    found = Detections(boxes, torch.tensor([0.9, 0.8, 0.9, 0.2]), torch.tensor([0, 0, 1, 1]))
    assert tiles.found_twice(truth, np.array([0, 1]), found) == 1


def test_both_ways_are_told(shapes, write_seeing_model, tmp_path, capsys):
    write_seeing_model(tmp_path / "small.pt", width=0.0625)
    words = [
        "--weights",
        str(tmp_path / "small.pt"),
        "--data",
        str(shapes),
        "--scenes",
        "1",
        "--grid",
        "1",
        "--tiles",
        "2x2",
    ]
    assert tiles.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["without", "tiles", "and whole"]
