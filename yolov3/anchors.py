"""Anchor sets: the published ones, how a set is spread over the levels of a network, and sets for a data set's boxes.

An anchor is (width, height) in pixels of the network's input. A set for a network is a tuple per level, coarse level
(stride 32) first, the order of a ``.cfg`` and of its heads.

Sets are found by k-means on the sides of boxes (Redmon and Farhadi 2017, section 2). Boxes and anchors are compared by
the IoU of their shapes, both laid on one corner: what decides which anchor answers for an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from yolov3.boxes import shape_iou_matrix
from yolov3.structures import Level

AnchorSet = tuple[tuple[tuple[float, float], ...], ...]

YOLOV3_ANCHORS: AnchorSet = (
    ((116, 90), (156, 198), (373, 326)),
    ((30, 61), (62, 45), (59, 119)),
    ((10, 13), (16, 30), (33, 23)),
)
"""Redmon and Farhadi 2018, fitted to COCO; as in yolov3.cfg."""

TINY_ANCHORS: AnchorSet = (
    ((81, 82), (135, 169), (344, 319)),
    ((10, 14), (23, 27), (37, 58)),
)
"""As in yolov3-tiny.cfg, masks 3,4,5 and 0,1,2. (The released tiny weights were trained with 1,2,3.)"""

GOOD_MATCH = 0.5
"""A shape IoU above this counts as recalled."""

ROUNDS = 300
RESTARTS = 8


def make_levels(
    anchors: Sequence[Sequence[Sequence[float]]], strides: Sequence[int], *, xy_scale: float = 1.0
) -> tuple[Level, ...]:
    """The levels of a network from an anchor set and its strides. Raises ValueError when their numbers differ."""
    if len(anchors) != len(strides):
        raise ValueError(f"anchors for {len(anchors)} levels were given, the network has {len(strides)}")
    counts = {len(level) for level in anchors}
    if len(counts) > 1:
        raise ValueError(f"every level needs the same number of anchors, found {[len(level) for level in anchors]}")
    return tuple(
        Level(stride, tuple((float(width), float(height)) for width, height in level), xy_scale)
        for level, stride in zip(anchors, strides)
    )


def anchors_text(anchors: Sequence[Sequence[float]]) -> str:
    """The anchors of a level for people, as a ``.cfg`` writes them."""
    return " ".join(f"{width:g},{height:g}" for width, height in anchors)


@dataclass(frozen=True)
class AnchorMatch:
    """How well an anchor set matches boxes: ``mean_iou`` of each box with its best anchor, and ``recall``, the share of boxes
    for which it is above GOOD_MATCH. Both in [0, 1]."""

    mean_iou: float
    recall: float


def shape_iou(sides: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """(N, A) IoU of shapes (N, 2) with anchors (A, 2) on one corner."""
    return shape_iou_matrix(torch.from_numpy(sides), torch.from_numpy(anchors)).numpy()


def measure_anchors(sides: np.ndarray, anchors: AnchorSet) -> AnchorMatch:
    """The match of an anchor set with the sides (N, 2) of boxes, N at least 1."""
    best = shape_iou(sides, np.array([anchor for level in anchors for anchor in level], np.float64)).max(axis=1)
    return AnchorMatch(float(best.mean()), float((best > GOOD_MATCH).mean()))


def cluster_anchors(sides: np.ndarray, *, num_levels: int, per_level: int, seed: int = 0) -> AnchorSet:
    """Anchors fitted to the sides (N, 2) of boxes, in whole pixels, the largest on the coarsest (first) level.

    k-means with k-means++ seeding, the best of several runs. Raises ValueError for fewer boxes than anchors.
    """
    count = num_levels * per_level
    sides = np.asarray(sides, np.float64)
    if len(np.unique(sides, axis=0)) < count:
        raise ValueError(f"{count} anchors cannot be fitted to {len(np.unique(sides, axis=0))} different boxes")
    generator = np.random.default_rng(seed)
    runs = [_k_means(sides, count, generator) for _ in range(RESTARTS)]
    best = max(runs, key=lambda centres: float(shape_iou(sides, centres).max(axis=1).mean()))
    best = np.maximum(np.rint(best), 1)
    ordered = best[np.argsort(best.prod(axis=1), kind="stable")].tolist()
    levels = [ordered[start : start + per_level] for start in range(0, count, per_level)]
    return tuple(tuple((width, height) for width, height in level) for level in reversed(levels))


def _k_means(sides: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    centres = _first_centres(sides, count, generator)
    owners = np.full(len(sides), -1)
    for _ in range(ROUNDS):
        new = shape_iou(sides, centres).argmax(axis=1)
        if (new == owners).all():
            break
        owners = new
        # An anchor that no box wants any more keeps its place.
        centres = np.array(
            [sides[owners == k].mean(axis=0) if (owners == k).any() else centres[k] for k in range(count)]
        )
    return centres


def _first_centres(sides: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """k-means++ (Arthur and Vassilvitskii 2007): each next centre is likelier where the others are far."""
    centres = [sides[generator.integers(len(sides))]]
    while len(centres) < count:
        distance = 1 - shape_iou(sides, np.array(centres)).max(axis=1)
        share = distance**2 / (distance**2).sum()
        centres.append(sides[generator.choice(len(sides), p=share)])
    return np.array(centres)
