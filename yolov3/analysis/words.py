"""What the numbers say, in sentences: the most costly first, each with what to do about it.

A rule speaks when what it sees is large enough to act upon and seen often enough to be believed; the limits are below. Costs
are in points of AP50: hundredths, as AP is usually told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from yolov3.analysis.calibration import Calibration
from yolov3.analysis.cases import NEVER_FOUND, UNLABELLED, Gallery
from yolov3.analysis.confusion import Confusion
from yolov3.analysis.curves import Curves
from yolov3.analysis.errors import KINDS, ErrorCost, Errors
from yolov3.analysis.intervals import FEWEST_IMAGES, Drawn, Intervals
from yolov3.analysis.strata import Division, Stratum
from yolov3.watching.words import counted, some

LEAST_COST = 0.005
"""Of AP50: half a point."""

FEW_TRUTHS = 10
"""A class with fewer has an AP that says nothing."""

ENOUGH = 20
"""So many objects, or detections, a share needs to be told."""

LEAST_GAP = 0.1
"""Between shares, or scores and shares, worth a word."""

WIDE = 0.1
"""An interval of AP50 as wide as that cannot tell good from better."""

SMALL_STRATA = 2
"""The first two sizes: below two cells of the finest level."""


@dataclass(frozen=True)
class Evidence:
    """All that was measured of an evaluation, whose sentences are made here."""

    curves: Curves
    confusion: Confusion
    errors: Errors
    drawn: Drawn
    intervals: Intervals
    calibration: Calibration
    divisions: tuple[Division, ...]
    galleries: tuple[Gallery, ...]


@dataclass(frozen=True)
class Finding:
    """A sentence (``text``), what it costs in ``points`` of AP50, None where that is not known, and what to do about it
    (``advice``)."""

    text: str
    points: float | None
    advice: str

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


_COSTS = {
    "classification": ("objects taken for another class",
                       "look at the confusions: are these classes labelled alike throughout, has each enough examples?"),
    "localisation": ("boxes that overlap their object too little",
                     "look at the misplaced boxes: are labels drawn equally tight? Train longer, or with a larger input"),
    "both": ("boxes that lie badly on an object of another class", "mend confusions and misplaced boxes first"),
    "duplicate": ("objects found twice", "lower the NMS threshold"),
    "background": ("false alarms on the background",
                   "look at the false alarms: are labels missing? Else add images without objects that look like these"),
    "missed": ("objects that nothing finds", "look at the missed objects; more examples of such, or a larger input"),
}  # fmt: skip
"""What each type of error is called, and what helps."""


def find_words(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings: that there is nothing, those with a cost, the most costly first, then the others."""
    rules: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
        _costs, _loose, _small, _crowded, _shapes_and_places, _scores, _labels, _threshold, _rare, _unsure,
    )  # fmt: skip
    found = [finding for rule in rules for finding in rule(evidence)]
    return (*_nothing(evidence), *sorted(found, key=lambda finding: -(finding.points or 0)))


def _nothing(evidence: Evidence) -> Iterator[Finding]:
    matching = evidence.confusion.matching
    if not matching.truths_of_classes().any():
        yield Finding("there is nothing to be found, so nothing can be measured", None, "take data with labels")
    elif not len(matching.found):
        yield Finding("nothing is found at all", None, "check that the model and its input fit the data; train longer")


def _costs(evidence: Evidence) -> Iterator[Finding]:
    for kind in KINDS:
        cost = evidence.errors.cost(kind)
        if cost.ap50 is not None and cost.ap50 >= LEAST_COST:
            what, advice = _COSTS[kind]
            text = f"{what} cost {cost.ap50 * 100:.1f} points of AP50{_mostly(evidence, cost)}"
            yield Finding(text, cost.ap50 * 100, advice)


def _mostly(evidence: Evidence, cost: ErrorCost) -> str:
    """The class that more than half of a cost falls on, where there are several."""
    assert cost.ap50 is not None
    largest = max(range(len(cost.by_class)), key=lambda label: cost.by_class[label])
    if len(cost.by_class) < 2 or cost.by_class[largest] <= cost.ap50 / 2:
        return ""
    return f", most of them {evidence.confusion.names[largest]} ({cost.by_class[largest] * 100:.1f})"


def _loose(evidence: Evidence) -> Iterator[Finding]:
    ap, ap50 = evidence.intervals.ap.value, evidence.intervals.ap50.value
    if ap is not None and ap50 is not None and ap50 >= 0.3 and ap < ap50 / 2:
        text = f"boxes are loose: AP over all overlaps is {ap:.3f}, less than half of AP50, {ap50:.3f}"
        yield Finding(
            text, None, "train longer, with anchors of the data or a larger input; see how tight the labels are"
        )


def _division(evidence: Evidence, name: str) -> tuple[Stratum, ...]:
    return next(one.strata for one in evidence.divisions if one.name == name)


def _recall(strata: tuple[Stratum, ...]) -> tuple[int, int]:
    """Truths and found ones of several strata."""
    return sum(one.truths for one in strata), sum(one.found for one in strata)


def _small(evidence: Evidence) -> Iterator[Finding]:
    sizes = _division(evidence, "size")
    (small, small_found), (large, large_found) = _recall(sizes[:SMALL_STRATA]), _recall(sizes[SMALL_STRATA:])
    lost, lost_small = small + large - small_found - large_found, small - small_found
    if lost < FEW_TRUTHS or lost_small < 0.4 * lost:
        return
    if not large or small_found / small <= large_found / large - LEAST_GAP:
        share = 100 * lost_small / lost
        text = f"{share:.0f} % of the objects that are not found are smaller than 2 cells of the finest level"
        yield Finding(text, None, "try a larger input, or a network with a finer level")


def _crowded(evidence: Evidence) -> Iterator[Finding]:
    crowds = _division(evidence, "crowd")
    (lonely, lonely_found), (crowded, crowded_found) = _recall(crowds[:1]), _recall(crowds[1:])
    if min(lonely, crowded) >= ENOUGH and crowded_found / crowded <= lonely_found / lonely - LEAST_GAP:
        shares = f"{100 * crowded_found / crowded:.0f} % of them, {100 * lonely_found / lonely:.0f} % of the others"
        text = f"objects that overlap each other are found less often: {shares}"
        yield Finding(text, None, "a higher NMS threshold keeps more boxes where objects overlap")


def _shapes_and_places(evidence: Evidence) -> Iterator[Finding]:
    rules = (
        ("shape", "objects with a width by height of {}", "anchors of the data's own shapes"),
        ("place", "objects at the {} of the image", "see whether training images have objects there too"),
    )
    for name, what, advice in rules:
        strata = _division(evidence, name)
        truths, found = _recall(strata)
        worst = min((one for one in strata if one.truths >= ENOUGH), key=lambda one: one.recall or 0, default=None)
        if worst is None or truths - worst.truths < ENOUGH:
            continue
        others = (found - worst.found) / (truths - worst.truths)
        own = worst.found / worst.truths
        if own <= others - 2 * LEAST_GAP:  # the worst of several is bad by chance too
            shares = f"{100 * own:.0f} % of them, {100 * others:.0f} % of the others"
            yield Finding(f"{what.format(worst.name)} are found less often: {shares}", None, advice)


def _scores(evidence: Evidence) -> Iterator[Finding]:
    gap = evidence.calibration.gap
    if gap is not None and abs(gap) >= LEAST_GAP and evidence.calibration.count_above >= ENOUGH:
        advice = f"{'raise' if gap > 0 else 'lower'} thresholds that were chosen by what scores promise"
        text = f"scores are too {'high' if gap > 0 else 'low'} by {abs(gap):.2f} on average"
        yield Finding(text, None, advice)


def _labels(evidence: Evidence) -> Iterator[Finding]:
    totals = {one.name: one.total for one in evidence.galleries}
    missing, never = totals[UNLABELLED], totals[NEVER_FOUND]
    if missing:
        text = f"{counted(missing, 'label')} may be missing: sure detections where nothing is labelled"
        yield Finding(text, None, "look at the unlabelled cases and mend the labels")
    if never:
        text = f"nothing comes near {counted(never, 'label')} at any score: wrong labels, or objects too hard to see"
        yield Finding(text, None, "look at the labels that were never found and mend the wrong ones")


def _threshold(evidence: Evidence) -> Iterator[Finding]:
    best = evidence.curves.all.best()
    if best is not None:
        text = (
            f"one threshold for all classes is best at {best.threshold:g}: precision {best.precision:.2f}, "
            f"recall {best.recall:.2f}, F1 {best.f1:.2f}"
        )
        yield Finding(
            text, None, f"detect with a confidence of {best.threshold:g}, or with the threshold of each class"
        )


def _rare(evidence: Evidence) -> Iterator[Finding]:
    truths = evidence.confusion.matching.truths_of_classes()
    names = evidence.confusion.names
    rare = [f"{names[label]} ({truths[label]})" for label in range(len(names)) if 0 < truths[label] < FEW_TRUTHS]
    if rare:
        text = f"{counted(len(rare), 'class')} with fewer than {FEW_TRUTHS} objects, whose AP says little: {some(rare)}"
        yield Finding(text, None, "measure on more images of them")
    absent = [name for name, count in zip(names, truths) if not count]
    if absent and len(absent) < len(names):
        text = f"{counted(len(absent), 'class')} without any object, which nothing is known of: {some(absent)}"
        yield Finding(text, None, "measure on images with them")


def _unsure(evidence: Evidence) -> Iterator[Finding]:
    interval, images = evidence.intervals.ap50, evidence.confusion.matching.overlaps.num_images
    if interval.value is None:
        return
    if interval.low is None or interval.high is None:
        text = f"fewer than {FEWEST_IMAGES} images have objects: nobody knows how AP50 would be on others"
        yield Finding(text, None, "measure on more images")
        return
    if interval.high - interval.low >= WIDE:
        text = (
            f"{counted(images, 'image')} cannot say much: AP50 lies between {interval.low:.3f} and {interval.high:.3f}"
        )
        yield Finding(text, None, "measure on more images before small differences are believed")
