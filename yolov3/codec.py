"""Between raw maps and boxes: ``decode`` and its inverse ``encode``, with the arithmetic of YOLOv3.

Legend: B images, A anchors, H W cells, N = all places of all levels, C classes. Boxes are xyxy pixels of the network's
input. A place's number counts level by level (coarse first), within a level anchor by anchor, row by row.

Source: Redmon and Farhadi 2018, section 2.1; Darknet's yolo_layer.c (get_yolo_box; scale_x_y and new_coords of the
AlexeyAB branch). Changed: exponents are clamped, so that every box is finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.prediction_layout import BOX, OBJECTNESS, WH, XY
from yolov3.predictions import DensePredictions
from yolov3.structures import Level

LARGEST_EXPONENT = 15.0
"""e^15 times an anchor is a box of millions of pixels: no honest prediction comes near, and float32 stays exact."""


def decode(raw: Sequence[Tensor], levels: Sequence[Level]) -> DensePredictions:
    """Boxes and probabilities of raw maps (B, A, H, W, 5 + C), one per level: all of them, the obvious way."""
    boxes, objectness, classes = [], [], []
    for maps, level in zip(raw, levels, strict=True):
        maps = maps.float()
        boxes.append(decode_boxes(maps[..., BOX], level).flatten(1, 3))
        activated = maps[..., OBJECTNESS:].flatten(1, 3)
        if not level.new_coordinates:  # there the last convolution has a logistic of its own
            activated = activated.sigmoid()
        objectness.append(activated[..., 0])
        classes.append(activated[..., 1:])
    return DensePredictions(torch.cat(boxes, 1), torch.cat(objectness, 1), torch.cat(classes, 1))


def decode_boxes(raw_boxes: Tensor, level: Level) -> Tensor:
    """Boxes (B, A, H, W, 4) xyxy pixels of raw x, y, w, h (B, A, H, W, 4). Differentiable."""
    height, width = raw_boxes.shape[2:4]
    grid = cell_grid(height, width, raw_boxes.device)
    anchors = level_anchors(level, raw_boxes.device)[:, None, None]
    return combine(raw_boxes, grid, anchors, level)


def combine(raw_boxes: Tensor, cells: Tensor, anchors: Tensor, level: Level) -> Tensor:
    """Boxes (..., 4) xyxy pixels of raw (..., 4), their cells (..., 2) as (column, row) and anchors (..., 2) pixels."""
    inside, sides = activate(raw_boxes, anchors, new_coordinates=level.new_coordinates)
    return corners(cells + inside * level.xy_scale - xy_shift(level), sides, level.stride)


def activate(raw_boxes: Tensor, anchors: Tensor, *, new_coordinates: bool) -> tuple[Tensor, Tensor]:
    """Raw (..., 4) and anchors (..., 2) pixels as x, y (..., 2) within a cell, before any ``xy_scale``, and sides (..., 2)
    in pixels."""
    xy, wh = raw_boxes[..., XY], raw_boxes[..., WH]
    if new_coordinates:
        return xy, (2 * wh).square() * anchors
    return xy.sigmoid(), wh.clamp(max=LARGEST_EXPONENT).exp() * anchors


def xy_shift(level: Level) -> float:
    """What ``xy_scale`` takes off x and y, so that the middle of a cell stays where it is."""
    return (level.xy_scale - 1) / 2


def corners(centre: Tensor, sides: Tensor, stride: int | Tensor) -> Tensor:
    """Boxes (..., 4) xyxy pixels of centres (..., 2) in cells of ``stride`` pixels and sides (..., 2) in pixels."""
    centre, half = centre * stride, sides / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def encode(boxes: Tensor, cells: Tensor, anchors: Tensor, level: Level) -> Tensor:
    """What the raw entries should be: (N, 4) xyxy pixels, cells (N, 2), anchors (N, 2) to (N, 4) of
    sigma(x), sigma(y) in [0, 1] and raw w, h: the inverse of :func:`combine` up to the logistic on x and y."""
    centre, sides = xyxy_to_cxcywh(boxes).split(2, dim=-1)
    inside = (centre / level.stride - cells + xy_shift(level)) / level.xy_scale
    ratio = sides / anchors
    raw = ratio.sqrt() / 2 if level.new_coordinates else ratio.clamp(min=1e-12).log()
    return torch.cat((inside, raw), dim=-1)


def cell_grid(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W, 2) columns and rows of a map, float32."""
    rows = torch.arange(height, device=device, dtype=torch.float32)
    columns = torch.arange(width, device=device, dtype=torch.float32)
    return torch.stack((columns.expand(height, width), rows[:, None].expand(height, width)), dim=-1)


def level_anchors(level: Level, device: torch.device) -> Tensor:
    """(A, 2) widths and heights in pixels, float32."""
    return torch.tensor(level.anchors, device=device, dtype=torch.float32)
