"""Decoding: one cell by hand, there and back, several sizes."""

from __future__ import annotations

import math

import pytest
import torch

from yolov3.codec import combine, decode, encode, level_anchors
from yolov3.structures import Level


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


def test_absurd_logits_give_finite_boxes():
    level = Level(32, ((116.0, 90.0),))
    found = decode((torch.full((1, 1, 2, 2, 6), 1e4),), (level,))
    assert found.boxes.isfinite().all()


def test_anchors_are_constant_in_pixels_whatever_the_input_size():
    level = Level(32, ((116.0, 90.0),))
    for side in (4, 13, 19):
        boxes = decode((torch.zeros(1, 1, side, side, 6),), (level,)).boxes[0]
        assert torch.allclose(boxes[:, 2] - boxes[:, 0], torch.tensor(116.0), atol=1e-3)
