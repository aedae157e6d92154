"""Pure box algebra. Boxes are float (N, 4) xyxy in pixels unless a name says otherwise; nothing is overwritten.

Legend: N, M boxes; xyxy = left, top, right, bottom; xywh = left, top, width, height; cxcywh = centre, width, height.
IoU and its relatives are torchvision.ops' where those are right, with their traps closed here:
empty against empty gives an empty matrix, flat boxes give finite values and gradients.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

EPSILON = 1e-9
"""Keeps 0/0 out of ratios of areas; far below the area of any real box."""

IouKind = Literal["iou", "giou", "diou", "ciou"]
Boxes = TypeVar("Boxes", Tensor, np.ndarray)
"""What turns one form of boxes into another takes tensors and arrays alike."""


def xyxy_to_cxcywh(boxes: Boxes) -> Boxes:
    """(..., 4) xyxy to (..., 4) cxcywh."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return _join((low + high) / 2, high - low)


def cxcywh_to_xyxy(boxes: Boxes) -> Boxes:
    """(..., 4) cxcywh to (..., 4) xyxy."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return _join(centre - half, centre + half)


def xyxy_to_xywh(boxes: Boxes) -> Boxes:
    """(..., 4) xyxy to (..., 4) xywh, COCO's form."""
    return _join(boxes[..., :2], boxes[..., 2:] - boxes[..., :2])


def xywh_to_xyxy(boxes: Boxes) -> Boxes:
    """(..., 4) xywh to (..., 4) xyxy."""
    return _join(boxes[..., :2], boxes[..., :2] + boxes[..., 2:])


def _join(first: Boxes, second: Boxes) -> Boxes:
    if isinstance(first, Tensor):
        return torch.cat((first, second), dim=-1)
    return np.concatenate((first, second), axis=-1)


def clip_boxes(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Clip (..., 4) xyxy boxes to an image of ``size`` (height, width)."""
    height, width = size
    if isinstance(boxes, np.ndarray):
        return np.minimum(np.maximum(boxes, 0), np.array((width, height, width, height), boxes.dtype))
    limit = boxes.new_tensor((width, height, width, height))
    return torch.minimum(boxes.clamp(min=0), limit)


def box_sides(boxes: Boxes) -> Boxes:
    """Widths and heights (..., 2) of (..., 4) xyxy boxes; negative for a box turned inside out."""
    return boxes[..., 2:] - boxes[..., :2]


def box_areas(boxes: Tensor) -> Tensor:
    """Areas (...,) of (..., 4) xyxy boxes; a box turned inside out has area 0."""
    sides = box_sides(boxes).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def intersection_areas(first: Tensor, second: Tensor) -> Tensor:
    """Areas shared by two broadcastable sets of (..., 4) xyxy boxes."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    sides = (high - low).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def iou_matrix(first: Tensor, second: Tensor) -> Tensor:
    """IoU (N, M) of every box of ``first`` (N, 4) with every box of ``second`` (M, 4)."""
    shared = intersection_areas(first[:, None], second[None, :])
    union = box_areas(first)[:, None] + box_areas(second)[None, :] - shared
    return shared / union.clamp(min=EPSILON)


def overlaps_any(boxes: Tensor, others: Tensor, threshold: float) -> Tensor:
    """(B, N) bool: whether some of ``others`` (B, M, 4) overlaps the box (B, N, 4) by an IoU above the threshold.
    Others without area overlap nothing, so that they may fill up a list.

    The same as asking :func:`iou_matrix`, with fewer and smaller tables: it is asked of every place of a batch."""
    left, top, right, bottom = boxes[:, :, None].unbind(-1)
    other_left, other_top, other_right, other_bottom = others[:, None].unbind(-1)
    width = (torch.minimum(right, other_right) - torch.maximum(left, other_left)).clamp_(min=0)
    height = (torch.minimum(bottom, other_bottom) - torch.maximum(top, other_top)).clamp_(min=0)
    shared = width.mul_(height)
    areas = (right - left) * (bottom - top)
    union = areas + (other_right - other_left) * (other_bottom - other_top) - shared
    # shared / union > threshold without a division by zero
    return (shared > union.mul_(threshold)).any(dim=2)


def coverage_matrix(boxes: Tensor, regions: Tensor) -> Tensor:
    """Share (N, M) of each box (N, 4) that lies inside each region (M, 4): COCO's overlap with a crowd."""
    shared = intersection_areas(boxes[:, None], regions[None, :])
    return shared / box_areas(boxes)[:, None].clamp(min=EPSILON)


def shape_iou_matrix(first: Tensor, second: Tensor) -> Tensor:
    """IoU (N, M) of widths and heights (N, 2) and (M, 2) laid on one centre: how Darknet picks an anchor."""
    shared = torch.minimum(first[:, None], second[None, :]).clamp(min=0).prod(dim=-1)
    union = first.prod(dim=-1)[:, None] + second.prod(dim=-1)[None, :] - shared
    return shared / union.clamp(min=EPSILON)


def paired_iou(first: Tensor, second: Tensor, kind: IouKind = "iou") -> Tensor:
    """IoU, GIoU, DIoU or CIoU (...,) of boxes pair by pair, with finite gradients for flat boxes too.

    GIoU follows Rezatofighi et al. 2019, DIoU and CIoU Zheng et al. 2020 (the weight of CIoU's aspect term is
    held constant in the gradient, as the paper says).
    """
    shared = intersection_areas(first, second)
    union = box_areas(first) + box_areas(second) - shared
    iou = shared / union.clamp(min=EPSILON)
    if kind == "iou":
        return iou
    hull_low = torch.minimum(first[..., :2], second[..., :2])
    hull_high = torch.maximum(first[..., 2:], second[..., 2:])
    hull = (hull_high - hull_low).clamp(min=0)
    if kind == "giou":
        hull_area = hull.prod(dim=-1)
        return iou - (hull_area - union) / hull_area.clamp(min=EPSILON)
    distance = ((first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2).square().sum(dim=-1)
    diou = iou - distance / hull.square().sum(dim=-1).clamp(min=EPSILON)
    if kind == "diou":
        return diou
    aspect = (4 / math.pi**2) * (_aspect_angle(first) - _aspect_angle(second)).square()
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect).clamp(min=EPSILON)
    return diou - weight * aspect


def darknet_diou(box: np.ndarray, others: np.ndarray, exponent: float) -> np.ndarray:
    """IoU - (d^2 / c^2) ** exponent (K,) of one box (4,) with others (K, 4): the overlap by which the AlexeyAB branch of
    Darknet suppresses (box_diounms). Without gradients, in numpy: it is asked for one box after the other."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + areas - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    hull = np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2])
    diagonal = np.square(hull).sum(axis=1)
    distance = np.square((box[:2] + box[2:] - others[:, :2] - others[:, 2:]) / 2).sum(axis=1)
    ratio = np.divide(distance, diagonal, out=np.zeros_like(distance), where=diagonal > 0)
    return iou - ratio**exponent


def _aspect_angle(boxes: Tensor) -> Tensor:
    # atan2 instead of atan(w / h): finite, with finite gradient, for boxes without height.
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-6)
    return torch.atan2(sides[..., 0], sides[..., 1])
