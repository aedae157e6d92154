"""Between raw maps and boxes: ``decode`` and its inverse ``encode``, with the arithmetic of YOLOv3.

Legend: B images, A anchors, H W cells, N = all places of all levels, C classes. Boxes are xyxy pixels of the network's
input. A place's number counts level by level (coarse first), within a level anchor by anchor, row by row.

Source: Redmon and Farhadi 2018, section 2.1; Darknet's yolo_layer.c (get_yolo_box; scale_x_y and new_coords of the
AlexeyAB branch). Changed: exponents are clamped, so that every box is finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from yolov3.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from yolov3.prediction_layout import BOX, OBJECTNESS, WH, XY
from yolov3.structures import Level

LARGEST_EXPONENT = 15.0
"""e^15 times an anchor is a box of millions of pixels: no honest prediction comes near, and float32 stays exact."""


@dataclass(frozen=True)
class Predictions:
    """All places of a batch, decoded: ``boxes`` (B, N, 4) xyxy pixels of the network's input, ``objectness`` (B, N) and
    ``classes`` (B, N, C) as probabilities."""

    boxes: Tensor
    objectness: Tensor
    classes: Tensor

    @cached_property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite."""
        parts = (self.boxes, self.objectness, self.classes)
        # A sum is one cheap pass and is finite only when every term is (unless it overflows, and then we look closer).
        if bool(torch.stack([part.sum() for part in parts]).isfinite().all()):
            return 0
        finite = self.objectness.isfinite() & self.boxes.isfinite().all(-1) & self.classes.isfinite().all(-1)
        return int((~finite).sum())

    @staticmethod
    def join(parts: Sequence[Predictions]) -> Predictions:
        """Those of several batches as one."""
        return Predictions(
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.objectness for part in parts]),
            torch.cat([part.classes for part in parts]),
        )


def decode(raw: Sequence[Tensor], levels: Sequence[Level]) -> Predictions:
    """Boxes and probabilities of raw maps (B, A, H, W, 5 + C), one per level."""
    boxes, objectness, classes = [], [], []
    for maps, level in zip(raw, levels, strict=True):
        maps = maps.float()
        boxes.append(decode_boxes(maps[..., BOX], level).flatten(1, 3))
        activated = maps[..., OBJECTNESS:].flatten(1, 3)
        if not level.new_coordinates:  # there the last convolution has a logistic of its own
            activated = activated.sigmoid()
        objectness.append(activated[..., 0])
        classes.append(activated[..., 1:])
    return Predictions(torch.cat(boxes, 1), torch.cat(objectness, 1), torch.cat(classes, 1))


def decode_boxes(raw_boxes: Tensor, level: Level) -> Tensor:
    """Boxes (B, A, H, W, 4) xyxy pixels of raw x, y, w, h (B, A, H, W, 4). Differentiable."""
    height, width = raw_boxes.shape[2:4]
    grid = cell_grid(height, width, raw_boxes.device)
    anchors = level_anchors(level, raw_boxes.device)[:, None, None]
    return combine(raw_boxes, grid, anchors, level)


def combine(raw_boxes: Tensor, cells: Tensor, anchors: Tensor, level: Level) -> Tensor:
    """Boxes (..., 4) xyxy pixels of raw (..., 4), their cells (..., 2) as (column, row) and anchors (..., 2) pixels."""
    xy, wh = raw_boxes[..., XY], raw_boxes[..., WH]
    if level.new_coordinates:
        sides = (2 * wh).square() * anchors
        inside = xy
    else:
        sides = wh.clamp(max=LARGEST_EXPONENT).exp() * anchors
        inside = xy.sigmoid()
    centre = (cells + inside * level.xy_scale - (level.xy_scale - 1) / 2) * level.stride
    return cxcywh_to_xyxy(torch.cat((centre, sides), dim=-1))


def encode(boxes: Tensor, cells: Tensor, anchors: Tensor, level: Level) -> Tensor:
    """What the raw entries should be: (N, 4) xyxy pixels, cells (N, 2), anchors (N, 2) to (N, 4) of
    sigma(x), sigma(y) in [0, 1] and raw w, h: the inverse of :func:`combine` up to the logistic on x and y."""
    centre, sides = xyxy_to_cxcywh(boxes).split(2, dim=-1)
    inside = (centre / level.stride - cells + (level.xy_scale - 1) / 2) / level.xy_scale
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
