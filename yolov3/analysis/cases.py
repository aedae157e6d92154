"""Which images are worth a look: galleries of mistakes, the most telling first.

All mistakes are those above the thresholds of a confusion, at IoU 0.5. Two galleries suspect the labels instead of the model:
detections as sure as the surest of the right ones where nothing is labelled, and labels that no detection of any class comes
near, at any score.

Legend: M detections, N truths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolov3.analysis.confusion import Confusion
from yolov3.analysis.errors import BACKGROUND_KIND, DUPLICATE, LOCALISATION, Errors
from yolov3.analysis.overlaps import SMALLEST_IOU, Overlaps

MOST = 24
"""Cases of a gallery."""

SURE = 0.75
"""As sure as the best quarter of the right detections of a class is what has a score above this quantile of theirs."""

SURE_SHARE = 0.8
"""And of all detections with such scores so many are right: a model that is sure of nothing suspects no label."""

LOOSE_IOU = 0.75
"""Right detections that overlap their truth by less are badly placed: AP over 0.50 to 0.95 suffers."""

FALSE_ALARMS, MISSED, CONFUSIONS, MISPLACED, LOOSE, DUPLICATES, UNLABELLED, NEVER_FOUND = (
    "false alarms", "missed", "confusions", "misplaced", "loose", "duplicates", "unlabelled", "never found",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One to be shown: the number of the ``image``, the place of the ``detection`` among the image's and of the ``truth`` in
    the sample, None where there is none; the detection's ``score``; the ``iou`` of both (below 0.1: None); what it is, in
    ``words``."""

    image: int
    detection: int | None
    truth: int | None
    score: float | None
    iou: float | None
    words: str

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Gallery:
    """Cases of one kind, ``explained`` in a sentence; ``total``: how many there are, of which the first are ``cases``."""

    name: str
    explained: str
    total: int
    cases: tuple[Case, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "cases": [case.as_plain() for case in self.cases]}


def find_galleries(confusion: Confusion, errors: Errors, most: int = MOST) -> tuple[Gallery, ...]:
    """All galleries, also empty ones, with at most so many cases each."""
    return tuple(
        Gallery(name, explained, len(detections), tuple(_cases(confusion, name, detections[:most], truths[:most])))
        for name, explained, (detections, truths) in (
            (FALSE_ALARMS, "the surest detections where there is nothing", _alarms(confusion, errors)),
            (MISSED, "objects to which no detection belongs, the largest first", _missed(confusion)),
            (CONFUSIONS, "objects taken for another class, the surest first", _confusions(confusion)),
            (MISPLACED, f"objects that are overlapped by {SMALLEST_IOU:g} to 0.5 only, the surest first",
             _of_kind(confusion, errors, LOCALISATION)),
            (LOOSE, f"found, but overlapped by less than {LOOSE_IOU:g}, the worst first", _loose(confusion)),
            (DUPLICATES, "objects found once more, the surest first", _of_kind(confusion, errors, DUPLICATE)),
            (UNLABELLED, "so sure that a label may be missing", _unlabelled(confusion, errors)),
            (NEVER_FOUND, "labels that nothing comes near at any score, the largest first: are they right?",
             _never_found(confusion)),
        )
    )  # fmt: skip


Chosen = tuple[np.ndarray, np.ndarray]
"""Numbers of detections and of truths, pair by pair, -1 where there is none."""


def _of_kind(confusion: Confusion, errors: Errors, kind: int) -> Chosen:
    chosen = np.flatnonzero(confusion.above & (errors.kind == kind))
    chosen = _surest_first(confusion, chosen)
    return chosen, errors.target[chosen]


def _alarms(confusion: Confusion, errors: Errors) -> Chosen:
    return _of_kind(confusion, errors, BACKGROUND_KIND)


def _confusions(confusion: Confusion) -> Chosen:
    found, truths = confusion.matching.found, confusion.matching.truths
    paired = np.flatnonzero(confusion.partner >= 0)
    paired = paired[found.label[paired] != truths.label[confusion.partner[paired]]]
    paired = _surest_first(confusion, paired)
    return paired, confusion.partner[paired]


def _loose(confusion: Confusion) -> Chosen:
    right = np.flatnonzero(confusion.above & confusion.matching.right[0])
    truths = confusion.matching.truth_of[0][right].astype(np.int64)
    iou = overlaps_between(confusion.matching.overlaps, right, truths)
    order = np.argsort(iou, kind="stable")
    order = order[iou[order] < LOOSE_IOU]
    return right[order], truths[order]


def _missed(confusion: Confusion) -> Chosen:
    truths = _largest_first(confusion, np.flatnonzero(confusion.missed))
    return np.full(len(truths), -1), truths


def _never_found(confusion: Confusion) -> Chosen:
    overlaps = confusion.matching.overlaps
    alone = ~overlaps.truths.ignored
    alone[overlaps.pair_truth] = False
    truths = _largest_first(confusion, np.flatnonzero(alone))
    return np.full(len(truths), -1), truths


def _unlabelled(confusion: Confusion, errors: Errors) -> Chosen:
    matching = confusion.matching
    touching = np.zeros(len(matching.found), bool)
    touching[matching.overlaps.pair_found] = True  # ignored truths are labels too
    alone = confusion.above & (errors.kind == BACKGROUND_KIND) & ~touching
    least = _sure_score(confusion)
    for part in matching.overlaps.class_slices():
        right = matching.right[0][part] & confusion.above[part]
        scores = matching.found.score[part]
        limit = max(least, np.quantile(scores[right], SURE)) if right.any() else np.inf
        alone[part] &= scores >= limit
    chosen = _surest_first(confusion, np.flatnonzero(alone))
    return chosen, np.full(len(chosen), -1)


def _sure_score(confusion: Confusion) -> float:
    """The lowest score from which on ``SURE_SHARE`` of all detections are right."""
    matching = confusion.matching
    counted = np.flatnonzero(~matching.ignored[0])
    counted = _surest_first(confusion, counted)
    right = np.cumsum(matching.right[0][counted])
    enough = np.flatnonzero(right >= SURE_SHARE * np.arange(1, len(right) + 1))
    return float(matching.found.score[counted[enough[-1]]]) if len(enough) else np.inf


def _surest_first(confusion: Confusion, detections: np.ndarray) -> np.ndarray:
    return detections[np.argsort(-confusion.matching.found.score[detections], kind="stable")]


def _largest_first(confusion: Confusion, truths: np.ndarray) -> np.ndarray:
    box = confusion.matching.truths.box[truths]
    return truths[np.argsort(-(box[:, 2:] - box[:, :2]).prod(axis=1), kind="stable")]


def overlaps_between(overlaps: Overlaps, detections: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """(K,) the overlap of each detection with its truth, by their numbers; 0 where it is below 0.1 or the truth -1."""
    if not len(overlaps.pair_iou):
        return np.zeros(len(detections))
    count = max(1, len(overlaps.truths))
    keys = overlaps.pair_found * count + overlaps.pair_truth
    order = np.argsort(keys)
    wanted = detections * count + truths
    places = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where((keys[places] == wanted) & (truths >= 0), overlaps.pair_iou[places], 0.0)


def _cases(confusion: Confusion, name: str, detections: np.ndarray, truths: np.ndarray) -> Iterator[Case]:
    overlaps = confusion.matching.overlaps
    values = overlaps_between(overlaps, detections, truths).tolist()
    for detection, truth, iou in zip(detections.tolist(), truths.tolist(), values):
        found, true = overlaps.found, overlaps.truths
        yield Case(
            image=int(found.image[detection] if detection >= 0 else true.image[truth]),
            detection=int(found.index[detection]) if detection >= 0 else None,
            truth=int(true.index[truth]) if truth >= 0 else None,
            score=float(found.score[detection]) if detection >= 0 else None,
            iou=float(iou) if iou else None,
            words=_words(confusion, name, detection, truth, iou),
        )


def _words(confusion: Confusion, name: str, detection: int, truth: int, iou: float) -> str:
    names, overlaps = confusion.names, confusion.matching.overlaps
    found = ""
    if detection >= 0:
        found = f"{names[overlaps.found.label[detection]]} {overlaps.found.score[detection]:.2f}"
    true = names[overlaps.truths.label[truth]] if truth >= 0 else ""
    if name == MISSED:
        return f"{true} missed, {_nearest(overlaps, names, truth)}"
    return {
        FALSE_ALARMS: f"{found} where there is nothing",
        CONFUSIONS: f"{found} is a {true}",
        MISPLACED: f"{found} overlaps its {true} by {iou:.2f}",
        LOOSE: f"{found} overlaps its {true} by {iou:.2f}",
        DUPLICATES: f"{found} is a {true} that another detection has found",
        UNLABELLED: f"{found}, nothing is labelled here",
        NEVER_FOUND: f"{true} that nothing comes near",
    }[name]


def _nearest(overlaps: Overlaps, names: tuple[str, ...], truth: int) -> str:
    pairs = np.flatnonzero(overlaps.pair_truth == truth)
    if not len(pairs):
        return "nothing is near"
    nearest = pairs[np.argmax(overlaps.pair_iou[pairs])]
    detection = overlaps.pair_found[nearest]
    score = overlaps.found.score[detection]
    return f"the nearest is {names[overlaps.found.label[detection]]} {score:.2f}, IoU {overlaps.pair_iou[nearest]:.2f}"
