"""Box algebra: there and back, against slow arithmetic, and at the traps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import complete_box_iou, distance_box_iou, generalized_box_iou

from yolov3 import boxes as algebra

coordinate = st.floats(-500, 500, width=32)
side = st.one_of(st.just(0.0), st.floats(0.125, 300, width=32))  # flat, or at least visible
box = st.tuples(coordinate, coordinate, side, side)
whole_box = st.tuples(*[st.integers(-20, 20)] * 2, *[st.integers(0, 20)] * 2)

CONVERSIONS = (
    algebra.xyxy_to_cxcywh,
    algebra.cxcywh_to_xyxy,
    algebra.xyxy_to_xywh,
    algebra.xywh_to_xyxy,
    algebra.box_sides,
)


def as_xyxy(corner_and_sides: list[tuple[float, float, float, float]]) -> torch.Tensor:
    return torch.tensor([(x, y, x + w, y + h) for x, y, w, h in corner_and_sides], dtype=torch.float64).reshape(-1, 4)


def random_boxes(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 100
    return torch.cat((corners, corners + 1 + torch.rand(count, 2, generator=generator) * 50), dim=-1)


def slow_shared(a: list[float], b: list[float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def slow_iou(a: list[float], b: list[float]) -> float:
    shared = slow_shared(a, b)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def slow_darknet_diou(a: list[float], b: list[float], exponent: float) -> float:
    squares = [(max(a[i + 2], b[i + 2]) - min(a[i], b[i])) ** 2 for i in (0, 1)]
    distances = [((a[i] + a[i + 2]) / 2 - (b[i] + b[i + 2]) / 2) ** 2 for i in (0, 1)]
    ratio = sum(distances) / sum(squares) if sum(squares) > 0 else 0.0
    return slow_iou(a, b) - ratio**exponent


@settings(deadline=None)
@given(st.lists(box, max_size=6))
def test_conversions_come_back(rows):
    xyxy = as_xyxy(rows)
    assert torch.allclose(algebra.cxcywh_to_xyxy(algebra.xyxy_to_cxcywh(xyxy)), xyxy, atol=1e-9)
    assert torch.allclose(algebra.xywh_to_xyxy(algebra.xyxy_to_xywh(xyxy)), xyxy, atol=1e-9)


def test_conversions_by_hand():
    xyxy = torch.tensor([[10.0, 20.0, 30.0, 80.0]])
    assert algebra.xyxy_to_cxcywh(xyxy).tolist() == [[20, 50, 20, 60]]
    assert algebra.xyxy_to_xywh(xyxy).tolist() == [[10, 20, 20, 60]]
    assert algebra.box_sides(xyxy).tolist() == [[20, 60]]
    assert algebra.box_sides(torch.tensor([[5.0, 5.0, 3.0, 9.0]])).tolist() == [[-2, 4]]


@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda convert: convert.__name__)
@pytest.mark.parametrize("shape", [(4,), (0, 4), (7, 4), (2, 3, 4)])
def test_arrays_are_converted_as_tensors_are(convert, shape):
    rows = np.random.default_rng(0).uniform(-50, 50, shape).astype(np.float32)
    kept = rows.copy()
    found = convert(rows)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32
    assert np.array_equal(found, convert(torch.from_numpy(rows)).numpy())
    assert np.array_equal(rows, kept), "nothing is overwritten"


@settings(deadline=None)
@given(st.lists(box, max_size=5), st.lists(box, max_size=5))
def test_matrices_equal_the_obvious_ones(first, second):
    a, b = as_xyxy(first), as_xyxy(second)
    overlap, coverage = algebra.iou_matrix(a, b), algebra.coverage_matrix(a, b)
    assert overlap.shape == coverage.shape == (len(a), len(b))
    for i, row in enumerate(a.tolist()):
        area = (row[2] - row[0]) * (row[3] - row[1])
        for j, column in enumerate(b.tolist()):
            assert overlap[i, j].item() == pytest.approx(slow_iou(row, column), abs=1e-6)
            inside = slow_shared(row, column) / area if area else 0.0
            assert coverage[i, j].item() == pytest.approx(inside, abs=1e-6)


def test_empty_against_empty_is_empty():
    none = torch.zeros(0, 4)
    assert algebra.iou_matrix(none, none).shape == algebra.coverage_matrix(none, none).shape == (0, 0)
    assert algebra.shape_iou_matrix(torch.zeros(0, 2), torch.zeros(3, 2)).shape == (0, 3)
    assert algebra.paired_iou(none, none, "ciou").shape == (0,)
    assert algebra.clip_boxes(none, (10, 10)).shape == (0, 4)
    assert algebra.darknet_diou(np.zeros(4), np.zeros((0, 4)), 0.6).shape == (0,)


@settings(deadline=None)
@given(st.lists(whole_box, max_size=6), st.lists(whole_box, max_size=4), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
def test_overlaps_any_asks_the_matrix(first, second, threshold):
    a, b = as_xyxy(first), as_xyxy(second)  # of whole numbers, so that overlaps at the very threshold occur
    expected = (algebra.iou_matrix(a, b) > threshold).any(dim=1)
    assert torch.equal(algebra.overlaps_any(a[None].float(), b[None].float(), threshold), expected[None])


def test_overlaps_any_keeps_images_apart_and_flat_boxes_fill_up_a_list():
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 10.0]]]).repeat(2, 1, 1)
    others = torch.zeros(2, 3, 4)
    others[1, 2] = boxes[0, 0]
    assert algebra.overlaps_any(boxes, others, 0.5).tolist() == [[False], [True]]
    assert not algebra.overlaps_any(boxes, torch.zeros(2, 3, 4), 0.0).any()
    assert algebra.overlaps_any(boxes, torch.zeros(2, 0, 4), 0.0).tolist() == [[False], [False]]


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_equal_boxes_have_overlap_one_and_flat_ones_finite_gradients(kind):
    same = torch.tensor([[10.0, 20.0, 50.0, 90.0]])
    assert algebra.paired_iou(same, same, kind).item() == pytest.approx(1.0, abs=1e-6)
    flat = torch.tensor([[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 10.0, 0.0]], requires_grad=True)
    other = torch.tensor([[5.0, 5.0, 5.0, 5.0], [30.0, 30.0, 40.0, 60.0]])
    overlap = algebra.paired_iou(flat, other, kind)
    overlap.sum().backward()
    assert overlap.isfinite().all() and flat.grad.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "reference"), [("giou", generalized_box_iou), ("diou", distance_box_iou), ("ciou", complete_box_iou)]
)
def test_iou_family_agrees_with_torchvision(kind, reference):
    a, b = random_boxes(20, 0).float(), random_boxes(20, 1).float()
    assert torch.allclose(algebra.paired_iou(a, b, kind), reference(a, b).diagonal(), atol=1e-5)
    assert torch.equal(
        algebra.paired_iou(a.view(4, 5, 4), b.view(4, 5, 4), kind).flatten(), algebra.paired_iou(a, b, kind)
    )


@pytest.mark.parametrize("kind", ["giou", "diou", "ciou"])
def test_boxes_far_apart_are_told_how_far(kind):
    here = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    near, far = (here + torch.tensor([shift, 0.0, shift, 0.0]) for shift in (20.0, 200.0))
    assert algebra.paired_iou(here, near, "iou") == algebra.paired_iou(here, far, "iou") == 0
    assert 0 > algebra.paired_iou(here, near, kind) > algebra.paired_iou(here, far, kind) >= -1


def test_the_weight_of_cious_aspect_term_is_a_constant_in_the_gradient():
    first, second = random_boxes(30, 2).requires_grad_(), random_boxes(30, 3)
    algebra.paired_iou(first, second, "ciou").sum().backward()
    plain = first.detach().clone().requires_grad_()
    angles = [torch.atan2(*algebra.box_sides(boxes).unbind(-1)) for boxes in (plain, second)]
    aspect = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    overlap = algebra.paired_iou(plain, second, "iou")
    weight = (aspect / (1 - overlap + aspect)).detach()
    (algebra.paired_iou(plain, second, "diou") - weight * aspect).sum().backward()
    torch.testing.assert_close(first.grad, plain.grad)


@settings(deadline=None)
@given(box, st.lists(box, max_size=5), st.sampled_from([0.5, 0.6, 1.0, 2.0]))
def test_darknets_diou_equals_the_obvious_one(first, others, exponent):
    one, many = as_xyxy([first])[0].numpy(), as_xyxy(others).numpy()
    found = algebra.darknet_diou(one, many, exponent)
    expected = [slow_darknet_diou(one.tolist(), row, exponent) for row in many.tolist()]
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


def test_darknets_diou_with_exponent_one_is_that_of_the_paper():
    a, b = random_boxes(1, 4), random_boxes(20, 5)
    expected = algebra.paired_iou(a.expand(20, 4), b, "diou").numpy()
    np.testing.assert_allclose(algebra.darknet_diou(a[0].numpy(), b.numpy(), 1.0), expected, atol=1e-12)


def test_clip_areas_and_coverage():
    boxes = torch.tensor([[-10.0, -10.0, 5.0, 5.0], [90.0, 0.0, 200.0, 50.0], [7.0, 7.0, 3.0, 3.0]])
    clipped = algebra.clip_boxes(boxes, (40, 100))
    assert clipped[:2].tolist() == [[0, 0, 5, 5], [90, 0, 100, 40]]
    assert algebra.clip_boxes(boxes.numpy(), (40, 100)).tolist() == clipped.tolist()
    assert boxes[0, 0] == -10, "nothing is overwritten"
    assert algebra.box_areas(boxes)[2] == 0
    inside = algebra.coverage_matrix(torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[5.0, 0.0, 500.0, 10.0]]))
    assert inside.item() == pytest.approx(0.5)


def test_huge_boxes_stay_finite():
    huge = torch.tensor([[-1e15, -1e15, 1e15, 1e15]])
    assert algebra.iou_matrix(huge, huge).item() == pytest.approx(1.0)
    assert algebra.overlaps_any(huge[None], huge[None], 0.9).item()
    assert algebra.clip_boxes(huge, (480, 640)).tolist() == [[0, 0, 640, 480]]


def test_shape_iou_ignores_the_place():
    overlap = algebra.shape_iou_matrix(torch.tensor([[10.0, 20.0]]), torch.tensor([[10.0, 20.0], [20.0, 10.0]]))
    assert overlap[0].tolist() == pytest.approx([1.0, 100 / 300])
    assert math.isfinite(algebra.shape_iou_matrix(torch.zeros(1, 2), torch.zeros(1, 2)).item())


def test_shape_iou_is_the_iou_of_boxes_on_one_centre():
    generator = torch.Generator().manual_seed(6)
    first, second = (torch.rand(count, 2, generator=generator, dtype=torch.float64) * 90 for count in (7, 9))
    centred = [torch.cat((-sides / 2, sides / 2), dim=1) for sides in (first, second)]
    torch.testing.assert_close(algebra.shape_iou_matrix(first, second), algebra.iou_matrix(*centred))
