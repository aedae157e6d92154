"""The sections of a page about an evaluation: what each number of the analysis looks like and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from yolov3.analysis.calibration import Calibration
from yolov3.analysis.confusion import BACKGROUND, Confusion
from yolov3.analysis.curves import Curves, Operating, OperatingPoint, ScoreCurve
from yolov3.analysis.errors import FALSE_NEGATIVES, FALSE_POSITIVES, Errors
from yolov3.analysis.intervals import ClassIntervals, Interval, Intervals
from yolov3.analysis.strata import Division
from yolov3.analysis.words import SHOWN_BY
from yolov3.reporting.charts import Bar, Line, bar_chart, calibration_chart, line_chart
from yolov3.reporting.page import Cell, Chart, Matrix, Part, Section, Table, place_name

MOST_BARS = 40
"""Classes in a chart; the table has all."""

MOST_CLASSES = 60
"""Classes of a confusion matrix that is shown; more would not be read. The most confused are taken."""


def number(value: float | None, digits: int = 3) -> str:
    """As it is shown; a stroke where it is not defined."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval_words(interval: Interval) -> str:
    """Such as "0.801 to 0.894"."""
    return "" if interval.low is None else f"{number(interval.low)} to {number(interval.high)}"


def classes_section(intervals: Intervals, confusion: Confusion, curves: Curves) -> Section:
    """AP of each class with its interval, and what its detections above the threshold are worth."""
    rows, bars = [], []
    for row, point, curve in zip(intervals.classes, confusion.points(), curves.classes, strict=True):
        rows.append(_class_row(row, point, curve.truths))
        if row.ap50.value is not None:
            ends = None if row.ap50.low is None or row.ap50.high is None else (row.ap50.low, row.ap50.high)
            bars.append((curve.truths, Bar(row.name, row.ap50.value, ends)))
    total = ClassIntervals("all", intervals.ap50, intervals.ap)
    rows.append(_class_row(total, confusion.total(), curves.all.truths, threshold=False))
    bars = sorted(bars, key=lambda pair: -pair[0])[:MOST_BARS]
    head = ("class", "objects", "AP50", "95 %", "AP", "95 %", "threshold", "precision", "recall", "F1")
    lead = (
        "The interval holds AP of 95 of 100 such sets of images, by drawing these images again and again "
        f"({intervals.rounds} times): two models whose intervals meet may be equally good. Precision, recall and F1 are those "
        "of detections above the threshold of their class, at IoU 0.5; thresholds.yaml holds the thresholds."
    )
    parts: list[Part] = [Table(head, rows)]
    if bars:
        parts.append(
            Chart("AP50 of each class, with its interval", bar_chart([bar for _, bar in bars], along="AP50", limit=1))
        )
    return Section("classes", "Classes", lead, parts)


def costs_section(errors: Errors) -> Section:
    """Where the AP goes."""
    costs = [cost for cost in errors.costs if cost.kind not in (FALSE_POSITIVES, FALSE_NEGATIVES)]
    bars = [Bar(cost.kind, 100 * (cost.ap50 or 0.0), link=gallery_name(SHOWN_BY.get(cost.kind, ""))) for cost in costs]
    rows = [
        (cost.kind, str(cost.count), "-" if cost.ap50 is None else f"{100 * cost.ap50:.2f}") for cost in errors.costs
    ]
    lead = (
        "How many points AP50 would rise if mistakes of one type were mended and all else stayed (after TIDE, Bolya et al. "
        "2020). classification: well placed, but of another class; localisation: of the right class, but overlapping by less "
        "than 0.5; both: wrong in both; duplicate: found once more; background: nothing is there; missed: found by nothing."
    )
    words = ", ".join(f"{kind} {points}" for kind, _, points in rows)
    parts: list[Part] = [
        Chart("points of AP50", bar_chart(bars, along="points of AP50"), words),
        Table(("type", "how many", "points"), rows),
    ]
    return Section("costs", "Where the AP goes", lead, parts)


def confusion_section(confusion: Confusion, linked: set[tuple[int, int]]) -> Section:
    """The matrix; cells that are ``linked`` lead to their gallery."""
    shown = _shown_classes(confusion)
    names = [*confusion.names, BACKGROUND]
    rows = []
    for row in shown:
        total = int(confusion.counts[row].sum())
        cells = [
            Cell(
                count=int(confusion.counts[row, column]),
                share=float(confusion.counts[row, column] / total) if total else 0.0,
                right=row == column,
                link=cell_name(row, column) if (row, column) in linked else "",
            )
            for column in shown
        ]
        rows.append((names[row], cells))
    left_out = len(names) - len(shown)
    lead = (
        "Of the objects of a class (row), how many were found as a class (column), above the thresholds of the classes and at "
        "IoU 0.5. The last row holds false alarms, the last column missed objects. The diagonal, rows and columns are those "
        "of precision and recall above. A click on a number shows some of them."
    )
    if left_out:
        lead += f" {left_out} classes that are seldom confused are left out."
    return Section(
        "confusion", "What is taken for what", lead, [Matrix("true, found as", [names[one] for one in shown], rows)]
    )


def cell_name(row: int, column: int) -> str:
    """The place in the page of the gallery of a cell."""
    return place_name("cell", row, column)


def curves_section(curves: Curves, points: Sequence[OperatingPoint], operating: Sequence[Operating]) -> Section:
    """Precision, recall and F1 against the score and each other, and the points to take."""
    chosen = sorted(
        (pair for pair in zip(curves.classes, points, strict=True) if len(pair[0].thresholds)),
        key=lambda pair: -pair[0].truths,
    )
    parts: list[Part] = [
        Chart("precision and recall", line_chart(list(_against_recall(chosen)), across="recall", up="precision"))
    ]
    for name in ("F1", "precision", "recall"):
        parts.append(
            Chart(f"{name} by score", line_chart(list(_against_score(chosen, name)), across="score above", up=name))
        )
    rows = []
    for each in operating:
        for word, point in (
            ("best F1", each.best),
            ("precision 0.9", each.for_precision),
            ("recall 0.9", each.for_recall),
        ):
            values = (None,) * 4 if point is None else (point.threshold, point.precision, point.recall, point.f1)
            rows.append((f"{each.name}, {word}", *(number(value) for value in values)))
    if len(curves.classes) <= MOST_BARS:
        parts.append(Table(("class and wish", "threshold", "precision", "recall", "F1"), rows, "thresholds for a wish"))
    lead = "Marked is the threshold of the best F1 of each class, which is that of the tables. A stroke: out of reach."
    return Section("curves", "Thresholds", lead, parts)


def strata_section(divisions: Sequence[Division]) -> Section:
    """How good the model is at which objects."""
    parts: list[Part] = []
    for division in divisions:
        rows = [
            (one.name, str(one.truths), number(one.recall), str(one.alarms), number(one.ap50))
            for one in division.strata
        ]
        parts.append(
            Table(
                (division.name, "objects", "recall", "false alarms", "AP50"),
                rows,
                f"by {division.name}: {division.explained}",
            )
        )
        bars = [Bar(one.name, one.recall or 0.0) for one in division.strata if one.truths]
        if bars:
            parts.append(Chart(f"recall by {division.name}", bar_chart(bars, along="recall", limit=1)))
    lead = "The objects by what they are. Recall and false alarms are those above the thresholds; a few objects say little."
    return Section("strata", "Which objects", lead, parts)


def calibration_section(calibration: Calibration) -> Section:
    """Whether scores mean what they say."""
    bins = [one for one in calibration.bins if one.mean_score is not None and one.share_right is not None]
    scores, shares = [one.mean_score or 0.0 for one in bins], [one.share_right or 0.0 for one in bins]
    chart = Chart("how sure and how right", calibration_chart(scores, shares, [one.count for one in bins]))
    rows = [
        (f"{one.low:.1f} to {one.high:.1f}", str(one.count), number(one.mean_score), number(one.share_right))
        for one in calibration.bins
    ]
    lead = (
        "Of the detections with a score near 0.7, are 70 % right? Above the line a model is better than it says, below worse. "
        f"Expected calibration error: {number(calibration.expected_error)}; above the thresholds the mean score is "
        f"{number(calibration.gap)} above the share that is right."
    )
    return Section(
        "calibration", "What a score means", lead, [chart, Table(("score", "how many", "mean score", "right"), rows)]
    )


def gallery_name(gallery: str) -> str:
    """The place in the page of a gallery of cases; empty for none."""
    return place_name("gallery", gallery) if gallery else ""


def _class_row(row: ClassIntervals, point: OperatingPoint, truths: int, *, threshold: bool = True) -> tuple[str, ...]:
    worth = (point.precision, point.recall, point.f1)
    return (
        row.name, str(truths), number(row.ap50.value), interval_words(row.ap50), number(row.ap.value), interval_words(row.ap),
        number(point.threshold) if threshold else "", *(number(value) for value in worth),
    )  # fmt: skip


def _shown_classes(confusion: Confusion) -> list[int]:
    """Those that occur, at most so many, and the background."""
    counts = confusion.counts
    touched = counts.sum(0)[:-1] + counts.sum(1)[:-1]
    wrong = touched - 2 * counts.diagonal()[:-1]
    order = np.lexsort((-touched, -wrong))[:MOST_CLASSES]
    return [*sorted(int(one) for one in order if touched[one]), len(confusion.names)]


def _against_recall(chosen: Sequence[tuple[ScoreCurve, OperatingPoint]]) -> Iterator[Line]:
    for curve, point in chosen:
        if curve.truths:
            plain = curve.as_plain()
            recall, precision = (np.array(plain[key], np.float64) for key in ("recall", "precision"))
            mark = None if point.recall is None or point.precision is None else (point.recall, point.precision)
            yield Line(curve.name, recall, precision, mark)


def _against_score(chosen: Sequence[tuple[ScoreCurve, OperatingPoint]], name: str) -> Iterator[Line]:
    for curve, point in chosen:
        if curve.truths:
            plain = curve.as_plain()
            value = point.as_plain()[name]
            mark = None if value is None else (point.threshold, value)
            yield Line(curve.name, np.array(plain["threshold"], np.float64), np.array(plain[name], np.float64), mark)
