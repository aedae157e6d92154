"""Two models on the same images: which is better, how sure that is, and what was won and lost.

Both are analysed with the same seed and number of rounds, so each round of both draws the same images, and what remains of
their difference is theirs. A truth is won that the second finds, at IoU 0.5 above its thresholds, and the first does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolov3.analysis.analysis import Analysis
from yolov3.analysis.intervals import Interval, Intervals
from yolov3.analysis.words import Evidence
from yolov3.watching.words import counted


@dataclass(frozen=True)
class TruthChange:
    """A truth that one of two finds: the number of the ``image``, the place of the ``truth`` in the sample, its class."""

    image: int
    truth: int
    name: str

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class ImageChange:
    """How many mistakes, missed truths and wrong detections above the thresholds, an image had ``before`` and has
    ``after``."""

    image: int
    before: int
    after: int

    def as_plain(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """The ``difference``, second less first, with its intervals; how many truths were won and lost in all, and the largest
    ``won`` and ``lost`` ones; the ``images`` that changed most; the ``verdict`` in words."""

    names: tuple[str, str]
    verdict: str
    difference: Intervals
    num_won: int
    num_lost: int
    won: tuple[TruthChange, ...]
    lost: tuple[TruthChange, ...]
    images: tuple[ImageChange, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "names": list(self.names),
            "verdict": self.verdict,
            "difference": self.difference.as_plain(),
            "num_won": self.num_won,
            "num_lost": self.num_lost,
            "won": [one.as_plain() for one in self.won],
            "lost": [one.as_plain() for one in self.lost],
            "images": [one.as_plain() for one in self.images],
        }


def compare(
    first: Analysis, second: Analysis, *, names: tuple[str, str] = ("A", "B"), most: int | None = None
) -> Comparison:
    """The comparison of two analyses of the same data set; at most so many truths and images are listed (default: as many
    as the first's galleries show).

    Raises ValueError where the truths are not the same, or the images were not drawn alike.
    """
    before, after = first.evidence, second.evidence
    _require_same_truths(before, after)
    draws = [(one.settings.seed, one.settings.rounds) for one in (first, second)]
    if draws[0] != draws[1]:
        raise ValueError(f"the images were not drawn alike: (seed, rounds) are {draws[0]} and {draws[1]}")
    most = first.settings.most if most is None else most
    difference = after.drawn.minus(before.drawn).intervals()
    had, has = _truths_found(before), _truths_found(after)
    won, lost = _largest(before, has & ~had), _largest(before, had & ~has)
    return Comparison(
        names=names,
        verdict=_verdict(difference, names, before.confusion.matching.overlaps.num_images),
        difference=difference,
        num_won=len(won),
        num_lost=len(lost),
        won=_listed(before, won[:most]),
        lost=_listed(before, lost[:most]),
        images=_changed(_mistakes(before, had), _mistakes(after, has), most),
    )


def _require_same_truths(first: Evidence, second: Evidence) -> None:
    one, other = (evidence.confusion.matching.overlaps for evidence in (first, second))
    pairs = ((getattr(one.truths, name), getattr(other.truths, name)) for name in ("image", "label", "box", "ignored"))
    same = one.names == other.names and one.num_images == other.num_images
    if not (same and all(np.array_equal(left, right) for left, right in pairs)):
        raise ValueError("the two were not measured on the same images with the same truths")


def _truths_found(evidence: Evidence) -> np.ndarray:
    """(N,) bool: found at IoU 0.5 above the thresholds."""
    confusion = evidence.confusion
    found = np.zeros(len(confusion.matching.truths), bool)
    found[confusion.matching.truth_of[0][confusion.above & confusion.matching.right[0]]] = True
    return found


def _mistakes(evidence: Evidence, found: np.ndarray) -> np.ndarray:
    """(I,) missed truths and wrong detections of each image."""
    confusion, matching = evidence.confusion, evidence.confusion.matching
    wrong = matching.found.image[confusion.above & matching.wrong[0]]
    missed = matching.truths.image[~found & ~matching.truths.ignored]
    images = matching.overlaps.num_images
    return np.bincount(wrong, minlength=images) + np.bincount(missed, minlength=images)


def _largest(evidence: Evidence, chosen: np.ndarray) -> np.ndarray:
    numbers = np.flatnonzero(chosen)
    box = evidence.confusion.matching.truths.box[numbers]
    return numbers[np.argsort(-(box[:, 2:] - box[:, :2]).prod(axis=1), kind="stable")]


def _listed(evidence: Evidence, numbers: np.ndarray) -> tuple[TruthChange, ...]:
    truths, names = evidence.confusion.matching.truths, evidence.confusion.names
    return tuple(
        TruthChange(int(truths.image[number]), int(truths.index[number]), names[truths.label[number]])
        for number in numbers.tolist()
    )


def _changed(before: np.ndarray, after: np.ndarray, most: int) -> tuple[ImageChange, ...]:
    order = np.argsort(-np.abs(after - before), kind="stable")[:most]
    return tuple(
        ImageChange(image, int(before[image]), int(after[image]))
        for image in order.tolist()
        if before[image] != after[image]
    )


def _verdict(difference: Intervals, names: tuple[str, str], images: int) -> str:
    if difference.ap50.value is None:
        return "nothing can be said: there are no truths"
    sides = [side for side in (_side(difference.ap50), _side(difference.ap)) if side]
    if not sides:
        return f"no difference that {counted(images, 'image')} could show: {_points('AP50', difference.ap50)}"
    if len(set(sides)) > 1:
        numbers = f"{_points('AP50', difference.ap50)}, {_points('AP', difference.ap)}"
        return f"{names[0]} and {names[1]} are each better at something: {names[1]} has {numbers}"
    ap50, ap = difference.ap50, difference.ap
    if sides[0] < 0:  # told as what the better one has more
        ap50, ap = _turned(ap50), _turned(ap)
    return f"{names[sides[0] > 0]} is better: {_points('AP50', ap50)}, {_points('AP', ap)}"


def _turned(interval: Interval) -> Interval:
    ends = (None if end is None else -end for end in (interval.value, interval.high, interval.low))
    return Interval(*ends)


def _side(interval: Interval) -> int:
    """1 where an interval lies above 0, -1 below, 0 where it holds it."""
    if interval.low is None or interval.high is None:
        return 0
    return int(interval.low > 0) - int(interval.high < 0)


def _points(name: str, interval: Interval) -> str:
    assert interval.value is not None
    ends = (
        ""
        if interval.low is None or interval.high is None
        else f" [{interval.low * 100:+.1f}, {interval.high * 100:+.1f}]"
    )
    return f"{name} {interval.value * 100:+.1f}{ends}"
