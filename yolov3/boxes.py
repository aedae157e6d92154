"""Pure box algebra. Boxes are float (N, 4) xyxy in pixels unless a name says otherwise; nothing is overwritten.

Legend: N, M boxes; xyxy = left, top, right, bottom; xywh = left, top, width, height; cxcywh = centre, width, height.
IoU and its relatives are torchvision.ops' where those are right, with their traps closed here:
empty against empty gives an empty matrix, flat boxes give finite values and gradients.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

EPSILON = 1e-9
"""Keeps 0/0 out of ratios of areas; far below the area of any real box."""

IouKind = Literal["iou", "giou", "diou", "ciou"]


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """(..., 4) xyxy to (..., 4) cxcywh."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), dim=-1)


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """(..., 4) cxcywh to (..., 4) xyxy."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def xyxy_to_xywh(boxes: Tensor) -> Tensor:
    """(..., 4) xyxy to (..., 4) xywh, COCO's form."""
    return torch.cat((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), dim=-1)


def xywh_to_xyxy(boxes: Tensor) -> Tensor:
    """(..., 4) xywh to (..., 4) xyxy."""
    return torch.cat((boxes[..., :2], boxes[..., :2] + boxes[..., 2:]), dim=-1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Clip (..., 4) xyxy boxes to an image of ``size`` (height, width)."""
    height, width = size
    limit = boxes.new_tensor((width, height, width, height))
    return torch.minimum(boxes.clamp(min=0), limit)


def box_areas(boxes: Tensor) -> Tensor:
    """Areas (...,) of (..., 4) xyxy boxes; a box turned inside out has area 0."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
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


def _aspect_angle(boxes: Tensor) -> Tensor:
    # atan2 instead of atan(w / h): finite, with finite gradient, for boxes without height.
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-6)
    return torch.atan2(sides[..., 0], sides[..., 1])
