"""Anchors for a data set: k-means on the sides of its boxes (Redmon and Farhadi 2017, section 2), and how well anchors
match boxes.

Boxes and anchors are compared by the IoU of their shapes, both laid on one corner: what decides which anchor answers
for an object. Sides are (width, height) in pixels of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from yolov3.anchors import AnchorSet
from yolov3.boxes import shape_iou_matrix

GOOD_MATCH = 0.5
"""A shape IoU above this counts as recalled."""

ROUNDS = 300
RESTARTS = 8


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
