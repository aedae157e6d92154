"""What came of a trial to learn: whether it can, and if not which term of the loss says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolov3.structures import Size
from yolov3.watching.words import counted

LEARNT, ENOUGH = 0.9, 0.99
"""Of the AP50 that there is to reach on the images: from here on they are known by heart, and here it need not go on."""

HIGH = 0.25
"""A term of which so large a part is left stays high."""

ADVICE = {
    "box": "look at the boxes of these images, and whether the anchors are of their size (in pixels of the input)",
    "objectness": "look whether all objects of these images have a box, and whether many share a cell of the coarsest level",
    "classes": "look whether things that look alike have the same class in all of these images",
}

WEIGHTS = {"box": "loss.box_weight", "objectness": "loss.objectness_weight", "classes": "loss.class_weight"}


@dataclass(frozen=True)
class LossCourse:
    """A term of the loss in the ``first`` step and in the ``last`` ones (mean), and the ``least`` it can be on the images."""

    name: str
    first: float
    last: float
    least: float

    @property
    def left(self) -> float:
        """The part of what could go that is still there."""
        return max(0.0, self.last - self.least) / max(self.first - self.least, 1e-6)

    @property
    def is_idle(self) -> bool:
        """Whether it was nothing from the beginning, as with a weight of 0."""
        return self.first == 0

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "left": self.left}


@dataclass(frozen=True)
class LearningTrial:
    """What came of it: so many ``images`` in inputs of ``size`` (height, width), so many ``steps``, the AP50 in [0, 1] on the
    images at the end and the ``attainable`` one, since of objects that share a place only one can be learned, the course of
    each term of the loss, the name of the term that stays ``high`` (None where none does), a ``fault`` of the numbers (None:
    none), and the ``verdict`` in a sentence or two."""

    images: int
    size: Size
    steps: int
    ap50: float
    attainable: float
    terms: tuple[LossCourse, ...]
    high: str | None
    fault: str | None
    verdict: str

    @property
    def learnt(self) -> bool:
        """Whether it knows the images."""
        return is_learnt(self.ap50, self.attainable)

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        terms = [term.as_plain() for term in self.terms]
        return {**asdict(self), "size": list(self.size), "terms": terms, "learnt": self.learnt}


def judged(
    images: int,
    size: Size,
    steps: int,
    scores: tuple[float, float],
    terms: tuple[LossCourse, ...],
    fault: str | None,
) -> LearningTrial:
    """What came of so many steps; ``scores`` are the AP50 that was reached and the attainable one."""
    high = None if is_learnt(*scores) or fault is not None else high_term(terms)
    shown = f"{counted(images, 'image')} in {counted(steps, 'step')}: AP50 {scores[0]:.3f} on them"
    if scores[1] < ENOUGH:
        shown += f" of {scores[1]:.3f}, since objects that share a place cannot all be learned"
    verdict = f"{shown}; {_verdict(is_learnt(*scores), high, fault)}"
    return LearningTrial(images, size, steps, *scores, terms, high.name if high else None, fault, verdict)


def is_learnt(ap50: float, attainable: float) -> bool:
    """Whether nearly all is known that can be."""
    return ap50 >= LEARNT * attainable > 0


def high_term(terms: Sequence[LossCourse]) -> LossCourse | None:
    """The term to blame: one that counts for nothing in the loss, else the one of which most is left, if that is much."""
    if idle := [term for term in terms if term.is_idle]:
        return idle[0]
    worst = max(terms, key=lambda term: term.left)
    return worst if worst.left > HIGH else None


def _verdict(learnt: bool, high: LossCourse | None, fault: str | None) -> str:
    if fault is not None:
        return f"{fault}, again and again, with a learning rate that suits such networks: look at the data's boxes"
    if learnt:
        return "it can learn"
    if high is None:
        return "though the loss fell: it learns, and needs more steps than it had here"
    if high.is_idle:
        return f"the term {high.name} is 0 in the loss, so that nothing of it is learned: {WEIGHTS[high.name]} says so"
    return f"the term {high.name} of the loss stays high, {high.left:.0%} of it is left: {ADVICE[high.name]}"
