"""Raw predictions, decoded where somebody looks: the same, to the last bit, as decoding all and choosing afterwards."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from yolov3.codec import decode
from yolov3.formats.load import load_model
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.postprocess import Selection, postprocess
from yolov3.raw_predictions import BLOCK, LONGEST_PIECE, RawPredictions, _logistic
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.structures import Level

LEVELS = (
    Level(32, ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0))),
    Level(16, ((30.0, 61.0), (62.0, 45.0)), xy_scale=1.05),
    Level(8, ((10.0, 13.0),), xy_scale=2.0),
)
NEW = tuple(replace(level, new_coordinates=True) for level in LEVELS)
MIXED = (LEVELS[0], NEW[1], LEVELS[2])


def random_maps(batch: int, size: tuple[int, int], num_classes: int, *, channels_last: bool = True) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = []
    for level in LEVELS:
        grid = [side // level.stride for side in size]
        shape = (batch, len(level.anchors), *grid, 5 + num_classes)
        if channels_last:  # as convolutions leave them
            shape = (batch, *grid, len(level.anchors), 5 + num_classes)
        values = torch.randn(shape, generator=generator) * 3
        maps.append(values.permute(0, 3, 1, 2, 4) if channels_last else values)
    return maps


def every_place(found: RawPredictions) -> tuple[Tensor, Tensor]:
    images, places = torch.ones_like(found.objectness).nonzero(as_tuple=True)
    return images, places


@pytest.mark.parametrize("levels", [LEVELS, NEW, MIXED], ids=["old", "new", "mixed"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(("batch", "num_classes"), [(1, 80), (3, 80), (1, 1), (2, 3)])
def test_every_place_is_what_decoding_all_makes_of_it(levels, channels_last, batch, num_classes):
    maps = random_maps(batch, (64, 96), num_classes, channels_last=channels_last)
    found, expected = RawPredictions(tuple(maps), levels), decode(maps, levels)
    boxes, classes = found.at(*every_place(found))
    assert found.objectness.dtype == boxes.dtype == classes.dtype == torch.float32
    # The obvious way's own leftovers go through another logistic, which differs in the last bit.
    last_bit = {"rtol": 2e-7, "atol": 0.0}
    torch.testing.assert_close(found.objectness, expected.objectness, **last_bit)
    torch.testing.assert_close(classes, expected.classes.flatten(0, 1), **last_bit)
    torch.testing.assert_close(boxes, expected.boxes.flatten(0, 1), rtol=1e-6, atol=1e-4)
    if batch * num_classes == 80 and channels_last:
        assert torch.equal(found.objectness, expected.objectness)


@pytest.mark.parametrize("levels", [LEVELS, MIXED], ids=["old", "mixed"])
def test_what_a_place_is_depends_on_nobody_beside_it(levels):
    maps = random_maps(3, (64, 96), 5)
    together = RawPredictions(tuple(maps), levels)
    images, places = every_place(together)
    boxes, classes = together.at(images, places)
    for image in range(3):
        alone = RawPredictions(tuple(level[image : image + 1] for level in maps), levels)
        assert torch.equal(alone.objectness[0], together.objectness[image])
        own = images == image
        found = alone.at(torch.zeros(int(own.sum()), dtype=torch.int64), places[own])
        assert torch.equal(found[0], boxes[own]) and torch.equal(found[1], classes[own])
    chosen = torch.tensor([200, 3, 77, 78, 60])  # in any order
    few = together.at(images[chosen], places[chosen])
    assert torch.equal(few[0], boxes[chosen]) and torch.equal(few[1], classes[chosen])
    one = together.at(images[5:6], places[5:6])
    assert torch.equal(one[0], boxes[5:6]) and torch.equal(one[1], classes[5:6])


def test_nothing_is_asked_and_nothing_is_there():
    found = RawPredictions(tuple(random_maps(2, (64, 96), 3)), LEVELS)
    nobody = torch.zeros(0, dtype=torch.int64)
    assert [tuple(part.shape) for part in found.at(nobody, nobody)] == [(0, 4), (0, 3)]
    empty = RawPredictions(tuple(random_maps(0, (64, 96), 3)), LEVELS)
    assert empty.objectness.shape == (0, found.objectness.shape[1]) and empty.num_nonfinite == 0


def test_half_precision_is_computed_in_float32():
    maps = tuple(level.bfloat16() for level in random_maps(1, (32, 32), 3))
    found, whole = RawPredictions(maps, LEVELS), RawPredictions(tuple(level.float() for level in maps), LEVELS)
    assert torch.equal(found.objectness, whole.objectness) and found.num_nonfinite == 0
    for half, full in zip(found.at(*every_place(found)), whole.at(*every_place(found))):
        assert half.dtype == torch.float32 and torch.equal(half, full)


def test_several_batches_are_one_again():
    maps = random_maps(3, (32, 64), 3)
    together = RawPredictions(tuple(maps), LEVELS)
    joined = RawPredictions.join(
        [RawPredictions(tuple(level[part] for level in maps), LEVELS) for part in (slice(0, 1), slice(1, 3))]
    )
    assert torch.equal(joined.objectness, together.objectness)
    for first, second in zip(joined.at(*every_place(joined)), together.at(*every_place(together))):
        assert torch.equal(first, second)


def test_levels_and_maps_must_be_as_many():
    found = RawPredictions(tuple(random_maps(1, (32, 32), 3)[:2]), LEVELS)
    with pytest.raises(ValueError, match="zip"):
        assert found.num_nonfinite == 0
    with pytest.raises(ValueError, match="zip"):
        found.at(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("levels", [LEVELS, NEW], ids=["old", "new"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38, -1e20])
def test_places_that_are_not_finite_are_counted_as_decoding_all_counts_them(levels, value):
    for entry in range(7):
        maps = random_maps(2, (32, 64), 2)
        maps[0][1, 2, 0, 1, entry] = maps[2][0, 0, 3, 3, entry] = value
        assert RawPredictions(tuple(maps), levels).num_nonfinite == decode(maps, levels).num_nonfinite
    assert RawPredictions(tuple(random_maps(2, (32, 64), 2)), levels).num_nonfinite == 0


def test_finite_numbers_whose_sum_overflows_are_finite():
    maps = tuple(torch.full_like(level, 3e38) for level in random_maps(1, (32, 64), 2))
    assert not maps[2].sum().isfinite() and RawPredictions(maps, LEVELS).num_nonfinite == 0


@pytest.mark.parametrize("count", [1, 15, 16, 17, BLOCK, BLOCK + 1, LONGEST_PIECE, 3 * LONGEST_PIECE + 5])
def test_the_logistic_of_a_number_does_not_depend_on_its_place_nor_on_threads(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(1)) * 5
    padded = torch.cat((values, torch.zeros(-count % BLOCK)))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found = _logistic(values)
    finally:
        torch.set_num_threads(before)
    blocks = [block.sigmoid() for block in padded.split(BLOCK)]
    assert torch.equal(found, torch.cat(blocks)[:count])


MODELS = ("official/yolov3-tiny.weights", "yolo-fastest-1.1.weights")


@pytest.mark.shared
@pytest.mark.parametrize("name", MODELS)
def test_detections_of_real_models_are_the_same_to_the_last_bit(shared, name):
    model = load_model(shared / "darknet" / name)
    runtime = TorchRuntime.of(model.detector(), torch.device("cpu"), torch.float32)
    photographs = sorted((shared / "images").glob("*.jpg"))
    photographs += sorted((shared / "datasets" / "coco-tiny" / "val2017").glob("*.jpg"))[::8]
    rules = (Selection(), Selection(confidence=0.001, nms_threshold=0.6, multi_label=True))
    compared = 0
    for start in range(0, len(photographs), 3):
        images = [read_image(Path(path)) for path in photographs[start : start + 3]]
        geometries = [Geometry.fit(image.shape[:2], model.meaning.preprocessing) for image in images]
        fitted = [torch.from_numpy(geometry.apply_image(image)) for geometry, image in zip(geometries, images)]
        raw = runtime(torch.stack(fitted).permute(0, 3, 1, 2))
        for rule in rules:
            pairs = zip(postprocess(raw, geometries, rule), postprocess(raw.decoded(), geometries, rule), strict=True)
            for found, expected in pairs:
                assert found == expected
                compared += len(found)
    assert compared > 500
