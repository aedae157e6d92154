"""Which detection found which truth: COCO's greedy matching, for the whole data set at once.

By class and image, the best score first, a detection takes of the truths that are still free the one that it overlaps
most, if by the threshold at least; where it reaches none, it may lie in an ignored truth (a crowd, a ``difficult`` object),
and is then neither right nor wrong. Of equal overlaps the later truth is taken.

Source: pycocotools' ``evaluateImg``, with which the tests compare.

Legend: T thresholds, M detections, N truths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from yolov3.analysis.overlaps import Found, Overlaps, Truths

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Over which AP is averaged. The first is AP50's."""

_ALMOST_ONE = 1 - 1e-10
"""No overlap need be larger, as in pycocotools."""


@dataclass(frozen=True)
class Matching:
    """``truth_of`` (T, M): the number of the truth that a detection took at each of the ``thresholds``, else -1;
    ``found_by`` (T, N): the number of the detection that took a truth, else -1, and always -1 for ignored truths."""

    overlaps: Overlaps
    thresholds: tuple[float, ...]
    truth_of: np.ndarray
    found_by: np.ndarray

    @property
    def found(self) -> Found:
        """The detections."""
        return self.overlaps.found

    @property
    def truths(self) -> Truths:
        """The truths."""
        return self.overlaps.truths

    @cached_property
    def ignored(self) -> np.ndarray:
        """(T, M) bool: the detection lies in an ignored truth and is neither right nor wrong."""
        if not len(self.truths):
            return np.zeros(self.truth_of.shape, bool)
        return (self.truth_of >= 0) & self.truths.ignored[self.truth_of]

    @cached_property
    def right(self) -> np.ndarray:
        """(T, M) bool: the detection found a truth."""
        return (self.truth_of >= 0) & ~self.ignored

    @cached_property
    def wrong(self) -> np.ndarray:
        """(T, M) bool: the detection found nothing."""
        return self.truth_of < 0

    def truths_of_classes(self) -> np.ndarray:
        """(C,) how many truths that are not ignored each class has."""
        return np.bincount(self.truths.label[~self.truths.ignored], minlength=self.overlaps.num_classes)


def match(overlaps: Overlaps, thresholds: Sequence[float] = COCO_THRESHOLDS) -> Matching:
    """The matching at each of the thresholds. Raises ValueError for one outside of 0.1 .. 1."""
    if not thresholds or not all(0.1 <= threshold <= 1 for threshold in thresholds):
        raise ValueError(f"thresholds of IoU must lie in 0.1..1, found {tuple(thresholds)}")
    found, truths = overlaps.found, overlaps.truths
    own_class = found.label[overlaps.pair_found] == truths.label[overlaps.pair_truth]
    reaching = np.flatnonzero(own_class & (overlaps.pair_iou >= min(*thresholds, _ALMOST_ONE)))
    detection, truth = overlaps.pair_found[reaching], overlaps.pair_truth[reaching]
    iou, ignored = overlaps.pair_iou[reaching], truths.ignored[truth]
    # Detections are numbered best first within a class; then what each would like best.
    order = np.lexsort((-truth, -iou, ignored, detection))
    detection, truth, iou, ignored = detection[order], truth[order], iou[order], ignored[order]
    truth_of = np.full((len(thresholds), len(found)), -1, np.int32)
    found_by = np.full((len(thresholds), len(truths)), -1, np.int32)
    for row, threshold in enumerate(thresholds):
        kept = iou >= min(threshold, _ALMOST_ONE)
        _take(detection[kept].tolist(), truth[kept].tolist(), ignored[kept].tolist(), truth_of[row], found_by[row])
    return Matching(overlaps, tuple(thresholds), truth_of, found_by)


def _take(
    detections: list[int], truths: list[int], ignored: list[bool], truth_of: np.ndarray, found_by: np.ndarray
) -> None:
    """Go through the wishes in order; each detection gets the first that is free. The last two are filled."""
    of, by = dict[int, int](), dict[int, int]()
    for detection, truth, is_ignored in zip(detections, truths, ignored):
        if detection in of:
            continue
        if is_ignored:
            of[detection] = truth
        elif truth not in by:
            of[detection] = truth
            by[truth] = detection
    truth_of[list(of)] = list(of.values())
    found_by[list(by)] = list(by.values())
