"""A supposed mistake and what undoing it brings: what is tried, what was found, and when it is named as the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LEAST_GAIN, LEAST_RATIO = 0.1, 1.3
"""By so much AP50, and so many times, a repair must raise the score to be named. AP50 of 32 images of COCO is off by about
0.04, and the best of a hundred tries is a lucky one; a real mistake costs more than a quarter of the score."""

LEAST_OF_KIND: dict[str, tuple[float, float]] = {"colours": (0.04, 1.1)}
"""The same where less is enough: things keep most of their looks in exchanged colours (it costs yolov3-tiny on COCO 0.06), and
of colours there is only one try."""

AS_GOOD = 0.03
"""Of repairs whose gains are no further apart than this, the first is named: plainer mistakes are tried first."""


@dataclass(frozen=True)
class Hypothesis:
    """A mistake that was supposed (``kind``; in ``words``), the AP50 in [0, 1] of the same images as they stand (``baseline``)
    and with the mistake undone (``ap50``), and what to do if that is it (``fix``)."""

    kind: str
    words: str
    ap50: float
    baseline: float
    fix: str

    @property
    def gain(self) -> float:
        """By how much AP50 rises."""
        return self.ap50 - self.baseline

    @property
    def explains(self) -> bool:
        """Whether the gain is too large to be chance."""
        gain, ratio = LEAST_OF_KIND.get(self.kind, (LEAST_GAIN, LEAST_RATIO))
        return self.gain >= gain and self.ap50 >= ratio * self.baseline

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Guess:
    """A hypothesis that is still to be measured: ``measure`` gives its AP50."""

    kind: str
    words: str
    fix: str
    baseline: float
    measure: Callable[[], float]

    def tried(self) -> Hypothesis:
        """What came of it."""
        return Hypothesis(self.kind, self.words, self.measure(), self.baseline, self.fix)


def best_of(tried: Sequence[Hypothesis]) -> Hypothesis | None:
    """The one that explains the score, None where none does."""
    explaining = [each for each in tried if each.explains]
    most = max((each.gain for each in explaining), default=0.0)
    return next((each for each in explaining if each.gain >= most - AS_GOOD), None)
