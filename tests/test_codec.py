"""Decoding: one cell by hand, a slow way beside the fast one, there and back, Darknet's own numbers;
and decoding where somebody looks, which gives the same to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.codec import (
    BLOCK,
    LONGEST_PIECE,
    RawPredictions,
    _logistic,
    cell_grid,
    combine,
    decode,
    decode_boxes,
    encode,
    level_anchors,
)
from yolov3.formats.load import load_model
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import DensePredictions, Level

LEVELS = (
    Level(32, ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0))),
    Level(16, ((30.0, 61.0), (62.0, 45.0)), xy_scale=1.05),
    Level(8, ((10.0, 13.0),), xy_scale=2.0, new_coordinates=True),
)


def random_maps(batch: int, size: tuple[int, int], num_classes: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    grids = [(size[0] // level.stride, size[1] // level.stride) for level in LEVELS]
    return [
        torch.rand(batch, len(level.anchors), *grid, 5 + num_classes, generator=generator) * 2 - 0.5
        for level, grid in zip(LEVELS, grids)
    ]


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def slow_place(raw: list[float], level: Level, anchor: int, row: int, column: int) -> tuple[list[float], list[float]]:
    """The box of one place, and its probabilities."""
    x, y, w, h, *rest = raw
    width, height = level.anchors[anchor]
    if level.new_coordinates:
        inside, sides = (x, y), (4 * w * w * width, 4 * h * h * height)
    else:
        inside, sides = (logistic(x), logistic(y)), (math.exp(w) * width, math.exp(h) * height)
        rest = [logistic(value) for value in rest]
    cx, cy = (
        (cell + level.xy_scale * part - 0.5 * (level.xy_scale - 1)) * level.stride
        for cell, part in zip((column, row), inside)
    )
    return [cx - sides[0] / 2, cy - sides[1] / 2, cx + sides[0] / 2, cy + sides[1] / 2], rest


def test_one_cell_by_hand():
    level = Level(16, ((30.0, 61.0), (62.0, 45.0)))
    raw = torch.zeros(1, 2, 3, 4, 6)
    raw[0, 1, 2, 3] = torch.tensor([0.3, -0.7, 0.2, -0.4, 1.5, -2.0])
    found = decode((raw,), (level,))
    place = 1 * 12 + 2 * 4 + 3
    cx = (3 + 1 / (1 + math.exp(-0.3))) * 16
    cy = (2 + 1 / (1 + math.exp(0.7))) * 16
    w, h = 62 * math.exp(0.2), 45 * math.exp(-0.4)
    assert found.boxes[0, place].tolist() == pytest.approx([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], rel=1e-5)
    assert found.objectness[0, place].item() == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert found.classes[0, place, 0].item() == pytest.approx(1 / (1 + math.exp(2.0)))


def test_every_place_equals_the_obvious_one_and_lies_where_it_is_counted():
    maps = random_maps(2, (64, 96))
    found = decode(maps, LEVELS)
    place = 0
    for level_maps, level in zip(maps, LEVELS):
        _, anchors, rows, columns, _ = level_maps.shape
        for anchor, row, column in np.ndindex(anchors, rows, columns):
            for image in range(2):
                raw = level_maps[image, anchor, row, column].tolist()
                box, probabilities = slow_place(raw, level, anchor, row, column)
                assert found.boxes[image, place].tolist() == pytest.approx(box, rel=1e-4, abs=1e-3)
                told = [found.objectness[image, place].item(), *found.classes[image, place].tolist()]
                assert told == pytest.approx(probabilities, rel=1e-5)
            place += 1
    assert found.boxes.shape[1] == place


@pytest.mark.shared
@pytest.mark.parametrize("name", ["80_classes", "3_classes", "1_class"])
def test_probabilities_and_centres_are_darknets(shared, name):
    data = np.load(shared / "reference" / f"yolo_layer_{name}.npz")
    height, width = np.broadcast_to(data["image_size"], 2).tolist()
    for index, mask in enumerate(data["masks"]):
        logits, activated = (
            torch.tensor(data[f"{kind}_{index}"]).unflatten(1, (len(mask), -1)).permute(0, 1, 3, 4, 2)
            for kind in ("logits", "activated")
        )
        _, _, rows, columns, _ = logits.shape
        anchors = data["anchors"][mask]
        level = Level(width // columns, tuple(map(tuple, anchors.tolist())))
        found = decode((logits,), (level,))
        torch.testing.assert_close(found.objectness, activated[..., 4].flatten(1), atol=1e-4, rtol=0)
        torch.testing.assert_close(found.classes, activated[..., 5:].flatten(1, 3), atol=1e-4, rtol=0)
        grid = torch.from_numpy(np.stack(np.meshgrid(range(columns), range(rows)), axis=-1))
        relative = xyxy_to_cxcywh(found.boxes).view(*logits.shape[:4], 4) / torch.tensor([width, height] * 2)
        torch.testing.assert_close(
            relative[..., :2], (grid + activated[..., :2]) / torch.tensor([columns, rows]), atol=1e-4, rtol=0
        )
        sides = activated[..., 2:4].exp() * torch.tensor(anchors)[:, None, None] / torch.tensor([width, height])
        torch.testing.assert_close(relative[..., 2:], sides, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("xy_scale", [1.0, 1.05, 2.0])
@pytest.mark.parametrize("new_coordinates", [False, True])
def test_encode_is_the_inverse(xy_scale, new_coordinates):
    generator = torch.Generator().manual_seed(0)
    level = Level(8, ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0)), xy_scale, new_coordinates)
    anchors = level_anchors(level, torch.device("cpu"))[torch.randint(0, 3, (50,), generator=generator)]
    cells = torch.randint(0, 20, (50, 2), generator=generator).float()
    raw = torch.rand(50, 4, generator=generator) if new_coordinates else torch.randn(50, 4, generator=generator)
    boxes = combine(raw, cells, anchors, level)
    back = encode(boxes, cells, anchors, level)
    expected_xy = raw[:, :2] if new_coordinates else raw[:, :2].sigmoid()
    assert torch.allclose(back[:, :2], expected_xy, atol=1e-4)
    assert torch.allclose(back[:, 2:], raw[:, 2:], atol=1e-4)


@pytest.mark.parametrize("new_coordinates", [False, True])
def test_a_flat_box_is_encoded_in_finite_numbers(new_coordinates):
    level = Level(32, ((116.0, 90.0),), new_coordinates=new_coordinates)
    anchors = level_anchors(level, torch.device("cpu"))
    found = encode(torch.tensor([[10.0, 20.0, 10.0, 20.0]]), torch.zeros(1, 2), anchors, level)
    assert found.isfinite().all()


def test_absurd_logits_give_finite_boxes():
    level = Level(32, ((116.0, 90.0),))
    for value in (1e4, -1e4):
        found = decode((torch.full((1, 1, 2, 2, 6), value),), (level,))
        assert found.boxes.isfinite().all() and found.num_nonfinite == 0


def test_anchors_are_constant_in_pixels_whatever_the_input_size():
    level = Level(32, ((116.0, 90.0),))
    for side in (4, 13, 19):
        boxes = decode((torch.zeros(1, 1, side, side, 6),), (level,)).boxes[0]
        assert torch.allclose(boxes[:, 2] - boxes[:, 0], torch.tensor(116.0), atol=1e-3)


def test_the_grid_counts_columns_and_rows():
    grid = cell_grid(2, 3, torch.device("cpu"))
    assert grid.tolist() == [[[0, 0], [1, 0], [2, 0]], [[0, 1], [1, 1], [2, 1]]]


def test_a_batch_of_two_is_two_batches_of_one_and_joins_again():
    maps = random_maps(2, (32, 64))
    together = decode(maps, LEVELS)
    joined = DensePredictions.join([decode([level[image : image + 1] for level in maps], LEVELS) for image in range(2)])
    for name in ("boxes", "objectness", "classes"):
        assert torch.equal(getattr(joined, name), getattr(together, name))


def test_half_precision_maps_are_decoded_in_float32():
    maps = [level.bfloat16() for level in random_maps(1, (32, 32))]
    found = decode(maps, LEVELS)
    assert found.boxes.dtype == found.objectness.dtype == found.classes.dtype == torch.float32
    assert torch.equal(found.boxes, decode([level.float() for level in maps], LEVELS).boxes)


def test_decoded_boxes_can_be_learnt_from():
    maps = random_maps(1, (32, 32))[0][..., :4].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda raw: decode_boxes(raw, LEVELS[0]), (maps,))


def test_levels_and_maps_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        decode(random_maps(1, (32, 32))[:2], LEVELS)


OLD, NEW = (tuple(replace(level, new_coordinates=new) for level in LEVELS) for new in (False, True))
MIXED = (OLD[0], NEW[1], OLD[2])


def raw_maps(batch: int, size: tuple[int, int], num_classes: int, *, channels_last: bool = True) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = []
    for level in OLD:
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


@pytest.mark.parametrize("levels", [OLD, NEW, MIXED], ids=["old", "new", "mixed"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(("batch", "num_classes"), [(1, 80), (3, 80), (1, 1), (2, 3)])
def test_every_place_is_what_decoding_all_makes_of_it(levels, channels_last, batch, num_classes):
    maps = raw_maps(batch, (64, 96), num_classes, channels_last=channels_last)
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


@pytest.mark.parametrize("levels", [OLD, MIXED], ids=["old", "mixed"])
def test_what_a_place_is_depends_on_nobody_beside_it(levels):
    maps = raw_maps(3, (64, 96), 5)
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
    found = RawPredictions(tuple(raw_maps(2, (64, 96), 3)), OLD)
    nobody = torch.zeros(0, dtype=torch.int64)
    assert [tuple(part.shape) for part in found.at(nobody, nobody)] == [(0, 4), (0, 3)]
    empty = RawPredictions(tuple(raw_maps(0, (64, 96), 3)), OLD)
    assert empty.objectness.shape == (0, found.objectness.shape[1]) and empty.num_nonfinite == 0


def test_half_precision_is_computed_in_float32():
    maps = tuple(level.bfloat16() for level in raw_maps(1, (32, 32), 3))
    found, whole = RawPredictions(maps, OLD), RawPredictions(tuple(level.float() for level in maps), OLD)
    assert torch.equal(found.objectness, whole.objectness) and found.num_nonfinite == 0
    for half, full in zip(found.at(*every_place(found)), whole.at(*every_place(found))):
        assert half.dtype == torch.float32 and torch.equal(half, full)


def test_several_batches_are_one_again():
    maps = raw_maps(3, (32, 64), 3)
    together = RawPredictions(tuple(maps), OLD)
    joined = RawPredictions.join(
        [RawPredictions(tuple(level[part] for level in maps), OLD) for part in (slice(0, 1), slice(1, 3))]
    )
    assert torch.equal(joined.objectness, together.objectness)
    for first, second in zip(joined.at(*every_place(joined)), together.at(*every_place(together))):
        assert torch.equal(first, second)


def test_raw_levels_and_maps_must_be_as_many():
    found = RawPredictions(tuple(raw_maps(1, (32, 32), 3)[:2]), OLD)
    with pytest.raises(ValueError, match="zip"):
        assert found.num_nonfinite == 0
    with pytest.raises(ValueError, match="zip"):
        found.at(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("levels", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38, -1e20])
def test_places_that_are_not_finite_are_counted_as_decoding_all_counts_them(levels, value):
    for entry in range(7):
        maps = raw_maps(2, (32, 64), 2)
        maps[0][1, 2, 0, 1, entry] = maps[2][0, 0, 3, 3, entry] = value
        assert RawPredictions(tuple(maps), levels).num_nonfinite == decode(maps, levels).num_nonfinite
    assert RawPredictions(tuple(raw_maps(2, (32, 64), 2)), levels).num_nonfinite == 0


def test_finite_numbers_whose_sum_overflows_are_finite():
    maps = tuple(torch.full_like(level, 3e38) for level in raw_maps(1, (32, 64), 2))
    assert not maps[2].sum().isfinite() and RawPredictions(maps, OLD).num_nonfinite == 0


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
