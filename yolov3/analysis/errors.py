"""Where the AP goes: the six types of error of TIDE, and what AP50 would be without each.

Source: Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors". A wrong detection, at IoU 0.5,
is of the first of these types that fits, in the order of the authors' program; overlaps are with truths that are not ignored.

localisation    overlaps a truth of its class by 0.1 to 0.5, and none by more. Oracle: it lies on that truth.
classification  overlaps a truth of another class by 0.5 or more. Oracle: it has the truth's class.
duplicate       overlaps a truth of its class by 0.5 or more, which a better detection has. Oracle: it is gone.
background      overlaps no truth by 0.1. Oracle: it is gone.
both            the rest: overlaps a truth of another class by 0.1 to 0.5. Oracle: it is gone.
missed          a truth that is not found, and that no error of localisation or classification would find. Oracle: it need
                not be found, there are so many truths less.

Where an oracle would have a truth found twice, the better detection counts and the other is gone. Two special ones hold
everything: ``false positives`` are all gone; of ``false negatives`` none need be found. A class whose truths need not be
found, all of them, has AP 1.

The costs of the types do not add up to what is missing: mending one leaves the others, and two may hide one truth.

Legend: M detections, N truths, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolov3.analysis.matching import Matching
from yolov3.analysis.precision import interpolated_precision

FOREGROUND, BACKGROUND = 0.5, 0.1  # IoU; the paper's

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
"""In the paper's order. The first five are kinds of wrong detections, by their place here."""

CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, BACKGROUND_KIND, MISSED = range(6)
FALSE_POSITIVES, FALSE_NEGATIVES = "false positives", "false negatives"


@dataclass(frozen=True)
class ErrorCost:
    """What a type of error costs: ``ap50`` in [0, 1], how much larger AP50 would be; of it the part of each class, which add
    up to it; how many there are at any score (``count``). The cost is None where there are no truths."""

    kind: str
    count: int
    ap50: float | None
    by_class: tuple[float, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "count": self.count, "AP50": self.ap50, "by_class": list(self.by_class)}


@dataclass(frozen=True)
class Errors:
    """``kind`` (M,): of each wrong detection its type by its place in KINDS, else -1; ``target`` (M,): the truth that it
    concerns (misplaced, of another class, taken already, or overlapped most), else -1; ``missed`` (N,) bool. ``costs`` of
    the six types, and of the two special ones."""

    kind: np.ndarray
    target: np.ndarray
    missed: np.ndarray
    costs: tuple[ErrorCost, ...]

    def cost(self, kind: str) -> ErrorCost:
        """That of one type."""
        return next(cost for cost in self.costs if cost.kind == kind)

    def counts(self, above: np.ndarray) -> dict[str, int]:
        """How many wrong detections of each of the five types are among those chosen, (M,) bool."""
        numbers = np.bincount(self.kind[above & (self.kind >= 0)], minlength=MISSED).tolist()
        return dict(zip(KINDS[:MISSED], numbers, strict=True))

    def as_plain(self) -> dict[str, Any]:
        """The costs."""
        return {"costs": [cost.as_plain() for cost in self.costs]}


def find_errors(matching: Matching) -> Errors:
    """The errors of a matching whose first threshold must be 0.5. Raises ValueError."""
    if matching.thresholds[0] != FOREGROUND:
        raise ValueError(f"the first threshold of the matching must be 0.5, found {matching.thresholds[0]}")
    kind, target = _kinds(matching)
    fixable = target[(kind == LOCALISATION) | (kind == CLASSIFICATION)]
    lost = (matching.found_by[0] < 0) & ~matching.truths.ignored
    missed = lost.copy()
    missed[fixable] = False
    return Errors(kind, target, missed, _costs(matching, kind, target, lost, missed))


def _kinds(matching: Matching) -> tuple[np.ndarray, np.ndarray]:
    overlaps, wrong = matching.overlaps, matching.wrong[0]
    kept = wrong[overlaps.pair_found] & ~matching.truths.ignored[overlaps.pair_truth]
    detection, truth, iou = overlaps.pair_found[kept], overlaps.pair_truth[kept], overlaps.pair_iou[kept]
    own = matching.found.label[detection] == matching.truths.label[truth]
    count = len(matching.found)
    own_iou, own_truth = _most(detection[own], truth[own], iou[own], count)
    other_iou, other_truth = _most(detection[~own], truth[~own], iou[~own], count)
    kind = np.full(count, -1)
    target = np.where(own_iou >= other_iou, own_truth, other_truth)
    rules = (
        (LOCALISATION, (own_iou >= BACKGROUND) & (own_iou < FOREGROUND), own_truth),
        (CLASSIFICATION, other_iou >= FOREGROUND, other_truth),
        (DUPLICATE, own_iou >= FOREGROUND, own_truth),
        (BACKGROUND_KIND, np.maximum(own_iou, other_iou) < BACKGROUND, np.full(count, -1)),
        (BOTH, np.ones(count, bool), other_truth),
    )
    for number, fits, concerned in rules:
        new = wrong & (kind < 0) & fits
        kind[new] = number
        target[new] = concerned[new]
    return kind, np.where(wrong, target, -1)


def _most(detection: np.ndarray, truth: np.ndarray, iou: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(M,) the largest overlap of each detection, 0 where it has none, and (M,) the first truth with it, else -1."""
    order = np.lexsort((truth, -iou, detection))
    numbers, first = np.unique(detection[order], return_index=True)
    largest, truths = np.zeros(count), np.full(count, -1, np.int64)
    largest[numbers], truths[numbers] = iou[order][first], truth[order][first]
    return largest, truths


@dataclass(frozen=True)
class _Mended:
    """Detections after an oracle: label and score of those that count, whether right, and the truths (C,) of each class."""

    label: np.ndarray
    score: np.ndarray
    right: np.ndarray
    truths: np.ndarray


def _costs(
    matching: Matching, kind: np.ndarray, target: np.ndarray, lost: np.ndarray, missed: np.ndarray
) -> tuple[ErrorCost, ...]:
    truths, wrong = matching.truths_of_classes(), matching.wrong[0]
    before = _precisions(_without(matching, np.zeros_like(wrong), truths), truths)
    counts = [*(int((kind == number).sum()) for number in range(MISSED)), int(missed.sum())]
    counts += [int(wrong.sum()), int(lost.sum())]
    names = (*KINDS, FALSE_POSITIVES, FALSE_NEGATIVES)
    costs = []
    for name, count, after in zip(names, counts, _mendings(matching, kind, target, lost, missed), strict=True):
        gains = (_precisions(after, truths) - before) / max(1, np.count_nonzero(truths))
        total = float(gains.sum()) if truths.any() else None
        costs.append(ErrorCost(name, count, total, tuple(gains.tolist())))
    return tuple(costs)


def _mendings(
    matching: Matching, kind: np.ndarray, target: np.ndarray, lost: np.ndarray, missed: np.ndarray
) -> Iterator[_Mended]:
    """The detections after each oracle, one after the other, for each is as large as all of them."""
    truths, wrong = matching.truths_of_classes(), matching.wrong[0]
    for number in range(MISSED):
        if number in (CLASSIFICATION, LOCALISATION):
            yield _moved(matching, kind == number, target)
        else:
            yield _without(matching, kind == number, truths)

    def all_but(gone: np.ndarray) -> _Mended:
        left = truths - np.bincount(matching.truths.label[gone], minlength=len(truths))
        return _without(matching, np.zeros_like(wrong), left)

    yield all_but(missed)
    yield _without(matching, wrong, truths)
    yield all_but(lost)


def _without(matching: Matching, gone: np.ndarray, truths: np.ndarray) -> _Mended:
    kept = ~matching.ignored[0] & ~gone
    found = matching.found
    return _Mended(found.label[kept], found.score[kept], matching.right[0][kept], truths)


def _moved(matching: Matching, mended: np.ndarray, target: np.ndarray) -> _Mended:
    """Those to be mended are right, of their target's class; of several on one truth the best is left."""
    found, truths = matching.found, matching.truths
    label = np.where(mended, truths.label[target] if len(truths) else 0, found.label)
    on_truth = np.where(mended, target, np.where(matching.right[0], matching.truth_of[0], -1))
    right = np.flatnonzero(on_truth >= 0)
    best_first = right[np.argsort(-found.score[right], kind="stable")]
    _, first = np.unique(on_truth[best_first], return_index=True)
    kept = matching.wrong[0] & ~mended
    kept[best_first[first]] = True
    return _Mended(label[kept], found.score[kept], (on_truth >= 0)[kept], matching.truths_of_classes())


def _precisions(mended: _Mended, truths: np.ndarray) -> np.ndarray:
    """(C,) AP50, 0 for classes without ``truths`` (C,)."""
    result = np.zeros(len(truths))
    order = np.lexsort((-mended.score, mended.label))
    bounds = np.searchsorted(mended.label[order], np.arange(len(truths) + 1))
    for label in np.flatnonzero(truths).tolist():
        if not mended.truths[label]:
            result[label] = 1
            continue
        right = np.flatnonzero(mended.right[order[bounds[label] : bounds[label + 1]]])
        hits = np.arange(1, len(right) + 1)[:, None]
        result[label] = interpolated_precision(hits, right[:, None] + 1, mended.truths[label : label + 1])[0]
    return result
