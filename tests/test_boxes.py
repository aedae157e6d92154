"""Box algebra: there and back, against slow arithmetic, and at the traps."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolov3 import boxes as algebra

coordinate = st.floats(-500, 500, width=32)
side = st.one_of(st.just(0.0), st.floats(0.125, 300, width=32))  # flat, or at least visible
box = st.tuples(coordinate, coordinate, side, side)


def as_xyxy(corner_and_sides: list[tuple[float, float, float, float]]) -> torch.Tensor:
    return torch.tensor([(x, y, x + w, y + h) for x, y, w, h in corner_and_sides], dtype=torch.float64).reshape(-1, 4)


def slow_iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


@given(st.lists(box, max_size=6))
def test_conversions_come_back(rows):
    xyxy = as_xyxy(rows)
    assert torch.allclose(algebra.cxcywh_to_xyxy(algebra.xyxy_to_cxcywh(xyxy)), xyxy, atol=1e-9)
    assert torch.allclose(algebra.xywh_to_xyxy(algebra.xyxy_to_xywh(xyxy)), xyxy, atol=1e-9)


@given(st.lists(box, max_size=5), st.lists(box, max_size=5))
def test_iou_matrix_equals_the_obvious_one(first, second):
    a, b = as_xyxy(first), as_xyxy(second)
    matrix = algebra.iou_matrix(a, b)
    assert matrix.shape == (len(a), len(b))
    for i, row in enumerate(a.tolist()):
        for j, column in enumerate(b.tolist()):
            assert matrix[i, j].item() == pytest.approx(slow_iou(row, column), abs=1e-6)


def test_empty_against_empty_is_empty():
    assert algebra.iou_matrix(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0, 0)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_equal_boxes_have_overlap_one_and_flat_ones_finite_gradients(kind):
    same = torch.tensor([[10.0, 20.0, 50.0, 90.0]])
    assert algebra.paired_iou(same, same, kind).item() == pytest.approx(1.0, abs=1e-6)
    flat = torch.tensor([[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 10.0, 0.0]], requires_grad=True)
    other = torch.tensor([[5.0, 5.0, 5.0, 5.0], [30.0, 30.0, 40.0, 60.0]])
    overlap = algebra.paired_iou(flat, other, kind)
    overlap.sum().backward()
    assert overlap.isfinite().all() and flat.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["giou", "diou", "ciou"])
def test_iou_family_agrees_with_torchvision(kind):
    from torchvision.ops import complete_box_iou, distance_box_iou, generalized_box_iou

    reference = {"giou": generalized_box_iou, "diou": distance_box_iou, "ciou": complete_box_iou}[kind]
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 20, 2, generator=generator) * 100
    a, b = torch.cat((corners, corners + 1 + torch.rand(2, 20, 2, generator=generator) * 50), dim=-1)
    assert torch.allclose(algebra.paired_iou(a, b, kind), reference(a, b).diagonal(), atol=1e-5)


def test_clip_areas_and_coverage():
    boxes = torch.tensor([[-10.0, -10.0, 5.0, 5.0], [90.0, 0.0, 200.0, 50.0], [7.0, 7.0, 3.0, 3.0]])
    clipped = algebra.clip_boxes(boxes, (40, 100))
    assert clipped[:2].tolist() == [[0, 0, 5, 5], [90, 0, 100, 40]]
    assert boxes[0, 0] == -10, "nothing is overwritten"
    assert algebra.box_areas(boxes)[2] == 0
    inside = algebra.coverage_matrix(torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[5.0, 0.0, 500.0, 10.0]]))
    assert inside.item() == pytest.approx(0.5)


def test_shape_iou_ignores_the_place():
    overlap = algebra.shape_iou_matrix(torch.tensor([[10.0, 20.0]]), torch.tensor([[10.0, 20.0], [20.0, 10.0]]))
    assert overlap[0].tolist() == pytest.approx([1.0, 100 / 300])
    assert math.isfinite(algebra.shape_iou_matrix(torch.zeros(1, 2), torch.zeros(1, 2)).item())
