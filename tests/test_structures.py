"""The records that travel: wrong shapes and values are refused where they are made, parts are the parts they say."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3.structures import (
    Batch,
    DensePredictions,
    Level,
    ModelMeaning,
    Predictions,
    Preprocessing,
    Sample,
    Suppression,
    Targets,
)


def make_sample(count: int = 2, **changes) -> Sample:
    values = dict(
        path=Path("a.jpg"),
        size=(48, 64),
        boxes=np.zeros((count, 4), np.float32),
        labels=np.zeros(count, np.int64),
        ignore=np.zeros(count, bool),
        areas=np.zeros(count, np.float32),
        image_id=7,
    )
    return Sample(**{**values, **changes})


def make_targets(image_index: list[int]) -> Targets:
    count = len(image_index)
    return Targets(
        boxes=torch.arange(4 * count, dtype=torch.float32).view(count, 4),
        labels=torch.arange(count),
        image_index=torch.tensor(image_index, dtype=torch.int64),
        ignore=torch.arange(count) % 2 == 0,
        weights=torch.linspace(0, 1, count),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.zeros((2, 5))}, r"Sample\.boxes must have shape \(2, 4\), found \(2, 5\)"),
        ({"boxes": np.zeros((3, 4))}, r"Sample\.labels must have shape \(3,\), found \(2,\)"),
        ({"labels": np.zeros((2, 1))}, r"Sample\.labels must have shape \(2,\), found \(2, 1\)"),
        ({"ignore": np.zeros(1, bool)}, r"Sample\.ignore must have shape"),
        ({"areas": np.zeros(0)}, r"Sample\.areas must have shape"),
        ({"size": (0, 64)}, r"Sample\.size must be positive \(height, width\), found \(0, 64\)"),
    ],
)
def test_a_sample_of_wrong_shapes_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_sample(**changes)


def test_a_sample_without_objects_is_one():
    assert len(make_sample(0).boxes) == 0


def test_records_are_frozen():
    for record, name in (
        (make_sample(), "boxes"),
        (make_targets([0]), "labels"),
        (ModelMeaning(), "names"),
        (Preprocessing(), "fit"),
        (Suppression(), "kind"),
        (Level(32, ((1.0, 1.0),)), "stride"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, None)


def test_parts_of_targets():
    targets = make_targets([2, 0, 1, 2, 0])
    assert len(targets) == 5
    even = targets.select(targets.ignore)
    assert even.labels.tolist() == [0, 2, 4] and even.boxes[:, 0].tolist() == [0, 8, 16]
    assert targets.select(torch.tensor([3, 3])).labels.tolist() == [3, 3]
    last = targets.of_images(1, 3)
    assert (last.labels.tolist(), last.image_index.tolist()) == ([0, 2, 3], [1, 0, 1])
    assert last.ignore.tolist() == [True, True, False] and last.weights.tolist() == [0, 0.5, 0.75]
    assert targets.image_index.tolist() == [2, 0, 1, 2, 0], "nothing is overwritten"
    assert len(targets.of_images(3, 9)) == len(make_targets([]).of_images(0, 1)) == 0


def test_the_images_parts_are_all_of_the_targets():
    targets = make_targets([2, 0, 1, 2, 0])
    parts = [targets.of_images(image, image + 1) for image in range(3)]
    assert sorted(label for part in parts for label in part.labels.tolist()) == [0, 1, 2, 3, 4]
    assert all((part.image_index == 0).all() for part in parts)


def test_targets_move_whole():
    moved = make_targets([0, 1]).to(torch.device("meta"))
    for tensor in (moved.boxes, moved.labels, moved.image_index, moved.ignore, moved.weights):
        assert tensor.device.type == "meta"


@pytest.mark.parametrize("name", ["labels", "image_index", "ignore", "weights"])
def test_targets_of_wrong_shapes_are_refused(name):
    with pytest.raises(ValueError, match=rf"Targets\.{name} must have shape \(2,\), found \(3,\)"):
        replace(make_targets([0, 1]), **{name: torch.zeros(3)})
    with pytest.raises(ValueError, match=r"Targets\.boxes must have shape"):
        replace(make_targets([0, 1]), boxes=torch.zeros(2, 3))


def test_a_batch_knows_its_files_and_its_size():
    samples = (make_sample(path=Path("a.jpg")), make_sample(path=Path("b/c.png")))
    batch = Batch(torch.zeros(2, 3, 64, 96, dtype=torch.uint8), make_targets([0, 1, 1]), samples)
    assert (len(batch), batch.size, batch.paths) == (2, (64, 96), (Path("a.jpg"), Path("b/c.png")))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 64, 64, 3), r"\(B, 3, H, W\), found \(2, 64, 64, 3\)"),
        (torch.zeros(3, 64, 64), r"\(B, 3, H, W\), found \(3, 64, 64\)"),
        (torch.zeros(2, 3, 64, 64), "2 images but 1 samples"),
    ],
)
def test_a_batch_that_does_not_fit_together_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        Batch(images, make_targets([]), (make_sample(),))


@pytest.mark.parametrize(
    ("stride", "anchors", "message"),
    [
        (0, ((1.0, 1.0),), "positive stride and anchors, found 0"),
        (32, (), "positive stride and anchors"),
        (32, ((1.0, -2.0),), r"positive \(width, height\) pairs, found \(\(1\.0, -2\.0\),\)"),
        (32, ((1.0, 0.0),), "positive"),
        (32, ((1.0, 2.0, 3.0),), "pairs"),
        (float("nan"), ((1.0, 1.0),), "positive stride"),
        (32, ((1.0, float("nan")),), "pairs"),
        (32, ((1.0, float("inf")),), "pairs"),
    ],
)
def test_impossible_levels_are_refused(stride, anchors, message):
    with pytest.raises(ValueError, match=message):
        Level(stride, anchors)


def test_places_are_asked_for_by_image_and_number():
    generator = torch.Generator().manual_seed(0)
    found: Predictions = DensePredictions(
        torch.rand(2, 5, 4, generator=generator), torch.rand(2, 5), torch.rand(2, 5, 3, generator=generator)
    )
    boxes, classes = found.at(torch.tensor([1, 0, 1]), torch.tensor([4, 2, 0]))
    assert boxes.tolist() == [found.boxes[image, place].tolist() for image, place in ((1, 4), (0, 2), (1, 0))]
    assert classes.tolist() == [found.classes[image, place].tolist() for image, place in ((1, 4), (0, 2), (1, 0))]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_places_that_are_not_finite_are_counted_once_each(value):
    found = DensePredictions(torch.zeros(2, 5, 4), torch.zeros(2, 5), torch.zeros(2, 5, 3))
    assert found.num_nonfinite == 0
    broken = DensePredictions(found.boxes.clone(), found.objectness.clone(), found.classes.clone())
    broken.boxes[0, 1, 2] = broken.boxes[0, 1, 3] = broken.classes[0, 1, 0] = value
    broken.objectness[1, 4] = value
    broken.classes[1, 0, 2] = value
    assert broken.num_nonfinite == 3


def test_finite_numbers_whose_sum_overflows_are_finite():
    huge = torch.full((1, 3, 4), 3e38)
    assert not huge.sum().isfinite()
    assert DensePredictions(huge, torch.zeros(1, 3), torch.zeros(1, 3, 2)).num_nonfinite == 0


def test_no_places_at_all():
    nothing = DensePredictions(torch.zeros(1, 0, 4), torch.zeros(1, 0), torch.zeros(1, 0, 3))
    assert nothing.num_nonfinite == 0 and DensePredictions.join([nothing, nothing]).boxes.shape == (2, 0, 4)
