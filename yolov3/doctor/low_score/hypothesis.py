"""A supposed mistake and what undoing it brings: what is tried, what was found, and when it is named as the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

LEAST_GAIN, LEAST_RATIO, MOST_LEFT = 0.1, 1.3, 0.5
"""By so much AP50 a repair must raise the score to be named, and so many times; or it leaves at most so large a part of what
was missing to 1. AP50 of 32 images of COCO is off by about 0.04, the best of fifty tries is a lucky one, and a sound
yolov3-tiny gains 0.055 by a larger input."""

LEAST_OF_KIND: dict[str, tuple[float, float]] = {"colours": (0.04, 1.1)}
"""The same where less is enough: things keep most of their looks in exchanged colours (it costs yolov3-tiny on COCO 0.06), and
of colours there is only one try."""

AS_GOOD = 0.03
"""Repairs whose gains are no further apart than this are as good: then plainer kinds of mistakes, which are tried first, are
named, and of one kind what places the boxes best."""


class Score(NamedTuple):
    """AP in [0, 1] at an IoU of 0.5 and of 0.75."""

    ap50: float
    ap75: float


@dataclass(frozen=True)
class Hypothesis:
    """A mistake that was supposed (``kind``; in ``words``), the AP50 in [0, 1] of the same images as they stand (``baseline``)
    and with the mistake undone (``ap50``), and what to do if that is it (``fix``). ``ap75``, with the mistake undone, tells
    apart what is as good at an IoU of 0.5: anchors of an input a fifth larger."""

    kind: str
    words: str
    ap50: float
    baseline: float
    fix: str
    ap75: float = 0.0

    @property
    def gain(self) -> float:
        """By how much AP50 rises."""
        return self.ap50 - self.baseline

    @property
    def explains(self) -> bool:
        """Whether the gain is too large to be chance."""
        gain, ratio = LEAST_OF_KIND.get(self.kind, (LEAST_GAIN, LEAST_RATIO))
        much = self.ap50 >= ratio * self.baseline or 1 - self.ap50 <= MOST_LEFT * (1 - self.baseline)
        return self.gain >= gain and much

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Guess:
    """A hypothesis that is still to be measured."""

    kind: str
    words: str
    fix: str
    baseline: float
    measure: Callable[[], Score]

    def tried(self) -> Hypothesis:
        """What came of it."""
        score = self.measure()
        return Hypothesis(self.kind, self.words, score.ap50, self.baseline, self.fix, score.ap75)


def best_of(tried: Sequence[Hypothesis]) -> Hypothesis | None:
    """The one that explains the score, None where none does: of those that are as good as the best, the kind that was tried
    first, and of that what places the boxes best."""
    explaining = [each for each in tried if each.explains]
    most = max((each.gain for each in explaining), default=0.0)
    as_good = [each for each in explaining if each.gain >= most - AS_GOOD]
    plainest = [each for each in as_good if each.kind == as_good[0].kind]
    return max(plainest, key=lambda each: (each.ap75, each.gain), default=None)
