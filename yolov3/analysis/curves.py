"""Precision, recall and F1 at IoU 0.5 against the score above which detections are kept, and the score to take.

A threshold ``t`` keeps the scores strictly above it, as ``detect`` does (yolov3/selecting/postprocess.py). Suppression goes
from the best score down, so what is above the threshold survives as before when it is applied first. Given the same data
and the other settings of the evaluation, ``detect`` with a threshold from here has the very precision and recall that
stand beside it. For that a threshold is a number of at most 6 decimals, as scores are written, and lies between two
neighbouring scores, whether these are rounded to 6 decimals or not. Where neighbours are so near that no such number is
between them, no threshold divides them.

Legend: M detections of a class that are right or wrong, K thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from yolov3.analysis.matching import Matching

DECIMALS = 6
"""Of a threshold, and of scores where they are written."""

MOST_POINTS = 200
"""Of a curve that is drawn."""

UNDECIDED = 0.25
"""The threshold of ``detect`` where the data says nothing."""


@dataclass(frozen=True)
class OperatingPoint:
    """What detections with scores above the ``threshold`` are worth: ``right`` and ``wrong`` ones, and ``missed`` truths."""

    threshold: float
    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        """The share of the detections that is right; None without any."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """The share of the truths that is found; None without any."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where there are no truths, nor detections."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else None

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall, "F1": self.f1}


@dataclass(frozen=True)
class ScoreCurve:
    """Of a class, or of all (``name`` "all"): ``thresholds`` (K,) descending, and how many ``right`` (K,) and ``wrong`` (K,)
    detections lie above each, where there are so many ``truths``. Empty without detections."""

    name: str
    truths: int
    thresholds: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    def point(self, place: int) -> OperatingPoint:
        """The operating point at one of the thresholds."""
        right, wrong = int(self.right[place]), int(self.wrong[place])
        return OperatingPoint(float(self.thresholds[place]), right, wrong, self.truths - right)

    def best(self) -> OperatingPoint | None:
        """The point of the largest F1, of equals the one with the highest threshold; None where nothing right is found."""
        if not self.right.any():
            return None
        return self.point(int(np.argmax(2 * self.right / (self.right + self.wrong + self.truths))))

    def for_precision(self, wanted: float) -> OperatingPoint | None:
        """The point with the most truths found whose precision is at least that; None where there is none."""
        reached = self.right >= wanted * (self.right + self.wrong)
        reached &= (self.right > 0) & (self.truths > 0)
        return self.point(int(np.flatnonzero(reached)[-1])) if reached.any() else None

    def for_recall(self, wanted: float) -> OperatingPoint | None:
        """The point with the highest threshold whose recall is at least that; None where it is out of reach."""
        reached = (self.right >= wanted * self.truths) & (self.truths > 0)
        return self.point(int(np.argmax(reached))) if reached.any() else None

    def as_plain(self) -> dict[str, Any]:
        """At most ``MOST_POINTS`` points for a drawing: "threshold", "precision", "recall", "F1". A bend is kept rather than
        a point on a straight line."""
        return dict(self._plain)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        """Thinning takes longer than all else that a report does with a curve, and a report asks for the points often."""
        chosen = thinned(self._drawn(), MOST_POINTS)
        points = [self.point(place).as_plain() for place in chosen]
        keys = ("threshold", "precision", "recall", "F1")
        return {"name": self.name, "truths": self.truths, **{key: [point[key] for point in points] for key in keys}}

    def _drawn(self) -> np.ndarray:
        """(K, 3) what is drawn against what."""
        counted, truths = np.maximum(1, self.right + self.wrong), max(1, self.truths)
        return np.stack((self.thresholds, self.right / counted, self.right / truths), axis=1)


@dataclass(frozen=True)
class Operating:
    """The points of a class, or of all: of the ``best`` F1, of the wished precision and recall; None where not reachable."""

    name: str
    best: OperatingPoint | None
    for_precision: OperatingPoint | None
    for_recall: OperatingPoint | None

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        points = {"best": self.best, "for_precision": self.for_precision, "for_recall": self.for_recall}
        return {"name": self.name, **{key: point and point.as_plain() for key, point in points.items()}}


@dataclass(frozen=True)
class Curves:
    """A curve per class, and that of ``all`` detections with one threshold."""

    classes: tuple[ScoreCurve, ...]
    all: ScoreCurve

    def operating(self, precision: float = 0.9, recall: float = 0.9) -> tuple[Operating, ...]:
        """The points of each class and, last, of all, for the wished precision and recall."""
        return tuple(
            Operating(curve.name, curve.best(), curve.for_precision(precision), curve.for_recall(recall))
            for curve in (*self.classes, self.all)
        )

    def best_thresholds(self) -> tuple[float, ...]:
        """Of each class the threshold of its best F1. Where it has none, that of all; else ``detect``'s."""
        best = self.all.best()
        otherwise = UNDECIDED if best is None else best.threshold
        points = [curve.best() for curve in self.classes]
        return tuple(otherwise if point is None else point.threshold for point in points)

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {"classes": [curve.as_plain() for curve in self.classes], "all": self.all.as_plain()}


def score_curves(matching: Matching, confidence: float | None = None) -> Curves:
    """The curves at the first IoU of the matching. Detections in ignored truths do not count.

    ``confidence`` is that of the evaluation: what it did not exceed was not kept. Where it is not known, nobody knows what
    lies below the lowest score, and the last threshold is just below that."""
    right, counted = matching.right[0], ~matching.ignored[0]
    truths, scores = matching.truths_of_classes(), matching.found.score
    overlaps = matching.overlaps
    classes = [
        _curve(name, int(number), scores[part][counted[part]], right[part][counted[part]], confidence)
        for name, number, part in zip(overlaps.names, truths, overlaps.class_slices())
    ]
    order = np.argsort(-scores, kind="stable")
    order = order[counted[order]]
    return Curves(tuple(classes), _curve("all", int(truths.sum()), scores[order], right[order], confidence))


def thresholds_between(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(K,) numbers of as few decimals as possible, at most 6, each with a score of ``above`` (K,) over it and one of
    ``below`` (K,) under it, though these be rounded to 6 decimals; NaN where there is none, or none from 0 on."""
    unit = 10**DECIMALS
    # Scores have 8 decimals: the third of a millionth is dust of the multiplication.
    highest = np.ceil(np.round(above * unit, 3) - 0.5) - 1
    lowest = np.floor(np.round(below * unit, 3)) + 1
    chosen = np.full(len(above), np.nan)
    for step in (10**power for power in range(DECIMALS + 1)):
        middle = np.round((lowest + highest) / 2 / step) * step
        middle = middle if step > 1 else np.floor((lowest + highest) / 2)
        chosen = np.where((lowest <= middle) & (middle <= highest), middle, chosen)
    return np.where((lowest <= highest) & (highest >= 0), chosen / unit, np.nan)


def thinned(points: np.ndarray, most: int) -> list[int]:
    """The places of at most so many points (K, D) of a line that keep its look: the first, the last, and then always the
    point that is farthest, in its worst dimension, from the line through those kept already."""
    if len(points) <= most:
        return list(range(len(points)))
    kept = [0, len(points) - 1]
    gaps = [_worst(points, 0, len(points) - 1)]
    while len(kept) < most:
        distance, place, start, end = max(gaps)
        if distance <= 0:
            break
        gaps.remove((distance, place, start, end))
        kept.append(place)
        gaps += [_worst(points, start, place), _worst(points, place, end)]
    return sorted(kept)


def _worst(points: np.ndarray, start: int, end: int) -> tuple[float, int, int, int]:
    if end - start < 2:
        return (0.0, start, start, end)
    share = np.linspace(0, 1, end - start + 1)[1:-1, None]
    straight = points[start] * (1 - share) + points[end] * share
    distances = np.abs(points[start + 1 : end] - straight).max(axis=1)
    place = int(distances.argmax())
    return (float(distances[place]), start + 1 + place, start, end)


def _curve(name: str, truths: int, scores: np.ndarray, right: np.ndarray, confidence: float | None) -> ScoreCurve:
    """Of detections, best first."""
    last = np.flatnonzero(np.diff(scores, append=-1.0))  # the last of each group of equal scores
    above = scores[last]
    below = np.append(above[1:], 0.0)
    if len(above):
        just_below = above[-1] - 2.5 / 10**DECIMALS
        below[-1] = max(-1.0, just_below if confidence is None else min(confidence, just_below))
    thresholds = thresholds_between(above, below)
    usable = np.isfinite(thresholds) & (thresholds >= 0)
    hits, chosen = np.cumsum(right), last[usable]
    return ScoreCurve(name, truths, thresholds[usable], hits[chosen], chosen + 1 - hits[chosen])


def above_thresholds(matching: Matching, thresholds: Sequence[float]) -> np.ndarray:
    """(M,) bool: the detection's score is above the threshold of its class. Raises ValueError for another number of them."""
    num_classes = matching.overlaps.num_classes
    if len(thresholds) != num_classes:
        raise ValueError(f"{num_classes} classes but {len(thresholds)} thresholds")
    # Compared as the selection does, in float32: 0.3 is not above 0.3.
    return matching.found.score.astype(np.float32) > np.array(thresholds, np.float32)[matching.found.label]
