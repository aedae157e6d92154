"""Between raw maps and boxes: ``decode`` and its inverse ``encode``, with the arithmetic of YOLOv3; all places at once, or
those that somebody asks about.

Legend: B images, A anchors, H W cells, N = all places of all levels, C classes, K places that are asked about, E = 5 + C
entries of a place. Boxes are xyxy pixels of the network's input. A place's number counts level by level (coarse first),
within a level anchor by anchor, row by row.

Source: Redmon and Farhadi 2018, section 2.1; Darknet's yolo_layer.c (get_yolo_box; scale_x_y and new_coords of the
AlexeyAB branch). Changed: exponents are clamped, so that every box is finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.prediction_layout import BOX, CLASSES, OBJECTNESS, WH, XY
from yolov3.structures import DensePredictions, Level, Size

LARGEST_EXPONENT = 15.0
"""e^15 times an anchor is a box of millions of pixels: no honest prediction comes near, and float32 stays exact."""

BLOCK = 64
"""A processor takes so many numbers at a time, or a part of them. What is left over at the end of a list goes through
another logistic, whose last bit may differ; so lists are filled up."""

LONGEST_PIECE = 16_384
"""Torch divides longer lists among threads, and there are ends at the seams."""

LARGEST_SQUARED = 1e15
"""Numbers with ``new_coordinates`` are squared, and larger ones may overflow."""

MOST_TABLES = 16
"""Tables of places are kept for so many sizes of inputs; one of YOLOv3 on 608x608 pixels takes 1.2 MB."""


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


@dataclass(frozen=True)
class RawPredictions:
    """``maps`` (B, A, H, W, 5 + C), one per level, of any floating type, and the ``levels`` that tell what they mean;
    decoded only where somebody looks.

    Of the maps one channel is read for the objectness, all of it by one sum, which says whether it is finite, and K rows of
    5 + C numbers; :func:`decode` makes B * N rows, and K of them are the same. For YOLOv3-tiny and an image of 416x416
    pixels B * N is 2,535, a map's numbers take 0.9 MB, and K is about 10.
    """

    maps: tuple[Tensor, ...]
    levels: tuple[Level, ...]

    @cached_property
    def objectness(self) -> Tensor:
        """(B, N) float32: how probable it is that there is something at all."""
        channels = [maps[..., OBJECTNESS].flatten(1) for maps in self.maps]
        kinds = {level.new_coordinates for level in self.levels}
        if len(kinds) > 1:
            pairs = zip(channels, self.levels, strict=True)
            return torch.cat([part.float() if level.new_coordinates else _logistic(part) for part, level in pairs], 1)
        together = torch.cat(channels, 1)
        return together.float() if kinds == {True} else _logistic(together)

    @cached_property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite once they are decoded."""
        if all(_is_surely_finite(maps, level) for maps, level in zip(self.maps, self.levels, strict=True)):
            return 0
        return self.decoded().num_nonfinite

    def at(self, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes (K, 4) and the classes (K, C), as probabilities, of places (K,) in images (K,)."""
        table = _table(self.levels, tuple((maps.shape[2], maps.shape[3]) for maps in self.maps), places.device)
        raw, facts = self._rows(images, places, table), table.facts[places]
        cells, anchors, stride, scale, shift, is_new = facts.split((2, 2, 1, 1, 1, 1), dim=1)
        kinds = {level.new_coordinates for level in self.levels}
        inside, sides = activate(raw[:, BOX], anchors, new_coordinates=kinds == {True})
        classes = raw[:, CLASSES]
        if kinds == {False}:
            classes = _logistic(classes)
        elif len(kinds) > 1:
            other_inside, other_sides = activate(raw[:, BOX], anchors, new_coordinates=True)
            inside, sides = torch.where(is_new > 0, other_inside, inside), torch.where(is_new > 0, other_sides, sides)
            classes = torch.where(is_new > 0, classes, _logistic(classes))
        return corners(cells + inside * scale - shift, sides, stride), classes

    def decoded(self) -> DensePredictions:
        """All places decoded."""
        return decode(self.maps, self.levels)

    @staticmethod
    def join(parts: Sequence[RawPredictions]) -> RawPredictions:
        """Those of several batches of one network as one, in memory as a network in channels-last memory writes them."""
        levels = zip(*(part.maps for part in parts), strict=True)
        maps = (torch.cat([one.permute(0, 2, 3, 1, 4) for one in level]).permute(0, 3, 1, 2, 4) for level in levels)
        return RawPredictions(tuple(maps), parts[0].levels)

    @cached_property
    def _lists(self) -> list[Tensor]:
        """Each level's map as rows (B * H * W * A, E): what a network in channels-last memory has written is left where
        it is, other maps are copied."""
        return [maps.permute(0, 2, 3, 1, 4).flatten(0, 3) for maps in self.maps]

    def _rows(self, images: Tensor, places: Tensor, table: _Table) -> Tensor:
        """The raw rows (K, E) float32 of places (K,) in images (K,)."""
        level, row, length = table.numbers[places].unbind(1)
        row = row + images * length
        counts = torch.bincount(level, minlength=len(self.levels)).tolist()
        order = None
        if len(self.maps[0]) > 1:  # else places come level by level already
            order = level.argsort(stable=True)
            row = row[order]
        parts = [rows.index_select(0, part) for rows, part in zip(self._lists, row.split(counts), strict=True)]
        found = torch.cat(parts).float()
        return found if order is None else torch.empty_like(found).index_copy_(0, order, found)


class _Table(NamedTuple):
    """What is the same for every image: ``facts`` (N, 8) float32 of each place, its cell's column and row, its anchor's
    width and height, its level's stride, xy_scale, shift, and whether it has new coordinates; and ``numbers`` (N, 3)
    int64, its level, its row among those of an image and how many rows an image has."""

    facts: Tensor
    numbers: Tensor


@lru_cache(maxsize=MOST_TABLES)
def _table(levels: tuple[Level, ...], grids: tuple[Size, ...], device: torch.device) -> _Table:
    facts, numbers = [], []
    for index, (level, (height, width)) in enumerate(zip(levels, grids, strict=True)):
        count = len(level.anchors)
        shape = (count, height, width)
        cells = cell_grid(height, width, device).expand(*shape, 2)
        anchors = level_anchors(level, device)[:, None, None].expand(*shape, 2)
        constants = (level.stride, level.xy_scale, xy_shift(level), float(level.new_coordinates))
        rest = torch.tensor(constants, device=device).expand(*shape, len(constants))
        facts.append(torch.cat((cells, anchors, rest), dim=-1).flatten(0, 2))
        length = count * height * width
        rows = torch.arange(length, device=device).view(height, width, count).permute(2, 0, 1).flatten()
        numbers.append(torch.stack((torch.full_like(rows, index), rows, torch.full_like(rows, length)), dim=1))
    return _Table(torch.cat(facts), torch.cat(numbers))


def _logistic(values: Tensor) -> Tensor:
    """The logistic of values of any shape, float32, wherever in a list they stand and however many threads there are."""
    count, flat = values.numel(), values.flatten().float()
    if count % BLOCK:
        flat = functional.pad(flat, (0, -count % BLOCK))
    if len(flat) <= LONGEST_PIECE:
        flat = flat.sigmoid()
    else:
        flat = torch.cat([piece.sigmoid() for piece in flat.split(LONGEST_PIECE)])
    return flat[:count].view(values.shape)


def _is_surely_finite(maps: Tensor, level: Level) -> bool:
    # A sum is one cheap pass and is finite only when every term is; so is what the logistic and the bounded exponential
    # make of finite terms.
    if level.new_coordinates:
        return float(torch.linalg.vector_norm(maps, dtype=torch.float32)) < LARGEST_SQUARED
    return math.isfinite(float(maps.sum(dtype=torch.float32)))
