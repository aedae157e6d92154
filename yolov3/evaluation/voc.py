"""Pascal VOC's average precision at one IoU threshold, by the rules of its development kit.

Best score first, a detection takes the truth of its class that it overlaps most. If that overlap is below the threshold
it is a false positive; if the truth is ``difficult`` (Sample.ignore) it is neither right nor wrong; if a better one
took the truth before, it is a false positive: there is no second choice. Difficult truths do not count as missed.

Source: VOCevaldet.m of the VOC 2007 and VOC 2012 development kits (Everingham et al. 2010). Boxes are continuous here,
which gives the same overlaps as the kit's inclusive pixels when the reader has moved the corners accordingly. Changed:
recalls are compared as fractions of whole numbers, so that 3 of 10 reaches a recall of 0.3; equal scores keep the
order of the images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from yolov3.boxes import iou_matrix
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.flat_detections import FlatDetections, flatten_detections

IOU_THRESHOLD = 0.5
"""Reached is enough, as in the kit."""


@dataclass(frozen=True)
class VocClass:
    """The AP of a class by the 11 points of VOC 2007 and by the area under the curve (VOC 2010 and later), None where it
    has no truths; how many ``truths`` it has and how many ``difficult`` ones beside them."""

    name: str
    truths: int
    difficult: int
    ap07: float | None
    ap10: float | None

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as ``metrics.json`` holds them."""
        counts = {"name": self.name, "truths": self.truths, "difficult": self.difficult}
        return {**counts, "AP07": self.ap07, "AP10+": self.ap10}


@dataclass(frozen=True)
class VocResult:
    """The means of both APs over the classes that have truths which are not difficult, None where there are none."""

    mean_07: float | None
    mean_10: float | None
    per_class: tuple[VocClass, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as ``metrics.json`` holds them."""
        return {
            "AP07": self.mean_07,
            "AP10+": self.mean_10,
            "per_class": [row.as_plain() for row in self.per_class],
        }


def voc_metric(
    dataset: Dataset, detections: Sequence[Detections], *, iou_threshold: float = IOU_THRESHOLD
) -> VocResult:
    """VOC's numbers of the detections of each sample, in the samples' order, boxes in pixels of the images.

    Raises ValueError when the numbers of samples and detections differ or a label is none of the data set's.
    """
    flat = flatten_detections(dataset, detections)
    overlaps, taken = _best_truths(dataset, flat)
    labels = np.concatenate([np.zeros(0, np.int64), *(sample.labels for sample in dataset.samples)])
    difficult = np.concatenate([np.zeros(0, bool), *(sample.ignore for sample in dataset.samples)])
    rows = []
    for label, name in enumerate(dataset.names):
        own = np.flatnonzero(flat.labels == label)
        own = own[np.argsort(-flat.scores[own], kind="stable")]
        truths = int(np.count_nonzero((labels == label) & ~difficult))
        right, wrong = _judge(overlaps[own] >= iou_threshold, taken[own], difficult)
        precisions = average_precisions(right, wrong, truths) if truths else (None, None)
        rows.append(VocClass(name, truths, int(np.count_nonzero((labels == label) & difficult)), *precisions))
    return VocResult(_mean(row.ap07 for row in rows), _mean(row.ap10 for row in rows), tuple(rows))


def average_precisions(right: np.ndarray, wrong: np.ndarray, truths: int) -> tuple[float, float]:
    """(11-point AP of VOC 2007, area under the curve of VOC 2010) of detections of a class, best first, each ``right``,
    ``wrong`` or neither, when there are so many ``truths`` (at least 1)."""
    hits, misses = np.cumsum(right), np.cumsum(wrong)
    counted = right | wrong
    hits, misses = hits[counted], misses[counted]
    precision = hits / (hits + misses)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    # hits ascends: the first place that reaches a recall has the best precision at that recall or beyond.
    tenths = np.searchsorted(hits * 10, np.arange(11) * truths, side="left")
    at_tenths = np.append(best_after, 0.0)[tenths]
    steps = np.diff(hits, prepend=0) / truths
    return float(at_tenths.mean()), float((steps * best_after).sum())


def _best_truths(dataset: Dataset, flat: FlatDetections) -> tuple[np.ndarray, np.ndarray]:
    """For each detection its largest IoU with a truth of its class and image, and that truth's number in the whole data
    set; (-1, 0) where there is none."""
    overlaps, taken = np.full(len(flat), -1.0), np.zeros(len(flat), np.int64)
    bounds = np.searchsorted(flat.image_index, np.arange(len(dataset.samples) + 1)).tolist()
    first_truth = 0
    for sample, start, end in zip(dataset.samples, bounds[:-1], bounds[1:]):
        if start < end and len(sample.boxes):
            boxes = torch.from_numpy(flat.boxes[start:end])
            iou = iou_matrix(boxes, torch.from_numpy(sample.boxes.astype(np.float64))).numpy()
            iou = np.where(flat.labels[start:end, None] == sample.labels[None, :], iou, -1.0)
            best = iou.argmax(axis=1)
            overlaps[start:end] = np.take_along_axis(iou, best[:, None], axis=1)[:, 0]
            taken[start:end] = first_truth + best
        first_truth += len(sample.boxes)
    return overlaps, taken


def _judge(reaches: np.ndarray, taken: np.ndarray, difficult: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(right, wrong) of detections, best first, that reach the threshold with their truth or not."""
    hits = np.flatnonzero(reaches)
    hits = hits[~difficult[taken[hits]]]
    right = np.zeros(len(reaches), bool)
    right[hits[np.unique(taken[hits], return_index=True)[1]]] = True  # the first to take each truth
    neither = np.zeros(len(reaches), bool)
    reaching = np.flatnonzero(reaches)
    neither[reaching] = difficult[taken[reaching]]
    return right, ~right & ~neither


def _mean(scores: Iterable[float | None]) -> float | None:
    values = [score for score in scores if score is not None]
    return float(np.mean(values)) if values else None
