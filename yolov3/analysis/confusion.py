"""Which classes are taken for which, above given thresholds: the confusion matrix at IoU 0.5.

First the matching class by class gives the diagonal, so that diagonal, rows and columns are exactly the right detections,
the truths and the detections of precision and recall. Of what is left, a detection and a truth of another class that overlap
by 0.5 or more are a confusion: best score first, a detection takes the free truth that it overlaps most. The others are
background: false alarms and missed objects. Ignored truths, and detections that lie in them, are no part of it.

Legend: C classes; the last row and column, C, is the background. M detections, N truths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from yolov3.analysis.curves import OperatingPoint, above_thresholds
from yolov3.analysis.matching import Matching

BACKGROUND = "background"


class Pair(NamedTuple):
    """What stands for one count of a cell: the image by its number, the detection by its place among the image's, the truth
    by its place in the sample; None where there is none."""

    image: int
    detection: int | None
    truth: int | None


@dataclass(frozen=True)
class Confusion:
    """``counts`` (C + 1, C + 1): truths of a class (row) that were found as a class (column). Last row: false alarms; last
    column: missed. ``above`` (M,) bool: the detection's score is above the threshold of its class; ``partner`` (M,): the
    truth that it was put to, right or confused, else -1; ``missed`` (N,) bool: nothing of any class was put to the truth."""

    names: tuple[str, ...]
    thresholds: tuple[float, ...]
    counts: np.ndarray
    matching: Matching
    above: np.ndarray
    partner: np.ndarray
    missed: np.ndarray

    def points(self) -> list[OperatingPoint]:
        """What the detections of each class are worth: those right, wrong and missed at IoU 0.5."""
        right = self.counts.diagonal()[:-1]
        wrong = self.counts[:, :-1].sum(axis=0) - right
        missed = self.counts[:-1].sum(axis=1) - right
        return [
            OperatingPoint(threshold, int(one), int(two), int(three))
            for threshold, one, two, three in zip(self.thresholds, right, wrong, missed)
        ]

    def total(self) -> OperatingPoint:
        """All classes together; its threshold is the lowest of theirs."""
        points = self.points()
        counts = [sum(values) for values in zip(*((one.right, one.wrong, one.missed) for one in points))] or [0, 0, 0]
        return OperatingPoint(min(self.thresholds, default=0.0), *counts)

    def cells(self) -> dict[tuple[int, int], list[Pair]]:
        """What every count stands for, under (row, column): detections best first, then missed truths in their order."""
        found, truths = self.matching.found, self.matching.truths
        cells = defaultdict(list)
        counted = np.flatnonzero(self._counted())
        for number in counted[np.argsort(-found.score[counted], kind="stable")].tolist():
            truth = int(self.partner[number])
            row = len(self.names) if truth < 0 else int(truths.label[truth])
            place = None if truth < 0 else int(truths.index[truth])
            pair = Pair(int(found.image[number]), int(found.index[number]), place)
            cells[row, int(found.label[number])].append(pair)
        for truth in np.flatnonzero(self.missed).tolist():
            pair = Pair(int(truths.image[truth]), None, int(truths.index[truth]))
            cells[int(truths.label[truth]), len(self.names)].append(pair)
        return dict(cells)

    def as_plain(self) -> dict[str, Any]:
        """Names, thresholds, counts and points; not the cells."""
        return {
            "names": [*self.names, BACKGROUND],
            "thresholds": list(self.thresholds),
            "counts": self.counts.tolist(),
            "classes": [point.as_plain() for point in self.points()],
            "total": self.total().as_plain(),
        }

    def _counted(self) -> np.ndarray:
        return self.above & ~self.matching.ignored[0]


def confuse(matching: Matching, thresholds: Sequence[float]) -> Confusion:
    """The confusion of the detections whose scores are strictly above their class's threshold, at the first IoU of the
    matching, which must be 0.5. Raises ValueError."""
    if matching.thresholds[0] != 0.5:
        raise ValueError(f"the first threshold of the matching must be 0.5, found {matching.thresholds[0]}")
    above = above_thresholds(matching, thresholds)
    truths, found, num_classes = matching.truths, matching.found, matching.overlaps.num_classes
    # Best first: what is below a threshold has taken no truth from what is above it.
    partner = np.where(above & matching.right[0], matching.truth_of[0], -1).astype(np.int64)
    free = ~truths.ignored
    free[partner[partner >= 0]] = False
    _put_others(matching, above & matching.wrong[0], partner, free)
    counted = above & ~matching.ignored[0]
    rows = np.full(len(found), num_classes)
    rows[partner >= 0] = truths.label[partner[partner >= 0]]
    counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    np.add.at(counts, (rows[counted], found.label[counted]), 1)
    counts[:-1, -1] = np.bincount(truths.label[free], minlength=num_classes)
    return Confusion(matching.overlaps.names, tuple(thresholds), counts, matching, above, partner, free)


def _put_others(matching: Matching, unmatched: np.ndarray, partner: np.ndarray, free: np.ndarray) -> None:
    """Put unmatched detections (M,) to free truths (N,) of other classes; ``partner`` and ``free`` are filled."""
    overlaps = matching.overlaps
    detection, truth, iou = overlaps.pair_found, overlaps.pair_truth, overlaps.pair_iou
    kept = np.flatnonzero(unmatched[detection] & free[truth] & (iou >= matching.thresholds[0]))
    detection, truth, iou = detection[kept], truth[kept], iou[kept]
    order = np.lexsort((truth, -iou, detection, -matching.found.score[detection]))
    for one, other in zip(detection[order].tolist(), truth[order].tolist()):
        if partner[one] < 0 and free[other]:
            partner[one] = other
            free[other] = False
