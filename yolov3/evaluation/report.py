"""What a person and a program get of an evaluation: tables, ``metrics.json``, ``predictions.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rich.console import Console

from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.coco import MAX_DETECTIONS, CocoNumbers, coco_results
from yolov3.evaluation.measure import Evaluation, EvaluationCounts, EvaluationSettings
from yolov3.evaluation.voc import IOU_THRESHOLD
from yolov3.files.atomic import write_atomically, write_json_list, write_text_atomically
from yolov3.watching.lines import print_on
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.tables import NumberTable, print_table
from yolov3.watching.words import counted

_COCO_LINES: tuple[tuple[str, str, str, int], ...] = (
    ("Precision", "0.50:0.95", "all", 100),
    ("Precision", "0.50", "all", 100),
    ("Precision", "0.75", "all", 100),
    ("Precision", "0.50:0.95", "small", 100),
    ("Precision", "0.50:0.95", "medium", 100),
    ("Precision", "0.50:0.95", "large", 100),
    ("Recall", "0.50:0.95", "all", 1),
    ("Recall", "0.50:0.95", "all", 10),
    ("Recall", "0.50:0.95", "all", 100),
    ("Recall", "0.50:0.95", "small", 100),
    ("Recall", "0.50:0.95", "medium", 100),
    ("Recall", "0.50:0.95", "large", 100),
)
"""Measure, IoU thresholds, areas and detections per class and image of each of COCO_NUMBERS."""


_COCO_WIDTH = 79
"""Columns of the lines below."""


METRICS, PREDICTIONS = "metrics.json", "predictions.json"
"""The files of an evaluation."""


def coco_lines(numbers: CocoNumbers) -> list[str]:
    """The twelve lines in the form that readers of COCO results know."""
    lines = []
    for value, (measure, thresholds, areas, most) in zip(numbers.as_plain().values(), _COCO_LINES, strict=True):
        short = f"(A{measure[0]})"
        conditions = f"@[ IoU={thresholds:<9} | area={areas:>6} | maxDets={most:>3} ]"
        lines.append(f" {'Average ' + measure:<18} {short} {conditions} = {_number(value)}")
    return lines


def coco_table(numbers: CocoNumbers) -> NumberTable:
    """The same for where those lines have no room."""
    rows = (
        (f"A{measure[0]}", thresholds, areas, str(most), _number(value))
        for value, (measure, thresholds, areas, most) in zip(numbers.as_plain().values(), _COCO_LINES, strict=True)
    )
    return NumberTable(("COCO", "IoU", "area", "boxes", "value"), tuple(rows), spared=("boxes",))


def settings_line(settings: EvaluationSettings) -> str:
    """One line with all that the numbers depend on."""
    fitting, selection = settings.preprocessing, settings.selection
    height, width = fitting.size
    suppression = selection.suppression
    rule = suppression.kind + (f" ^{suppression.exponent:g}" if suppression.kind == "diou" else "")
    rect = f", as small as an image needs by {settings.rect_step}" if settings.rect_step else ""
    rect += f", in tiles ({settings.tiles})" if settings.tiles else ""
    kinds = [
        "boxes of all classes against each other" if selection.class_agnostic else "per class",
        "several classes per box" if selection.multi_label else "one class per box",
    ]
    return (
        f"{settings.model} | {settings.data} | {counted(settings.images, 'image')}, "
        f"{counted(settings.num_classes, 'class')} | "
        f"input {height}x{width} {fitting.fit}{rect}, resize {fitting.resize}, fill {fitting.fill:g} | "
        f"score > {selection.confidence:g}, NMS {rule} > {selection.nms_threshold:g} {', '.join(kinds)}, "
        f"at most {selection.max_detections} per image; COCO counts the best {MAX_DETECTIONS} per class "
        f"and image; VOC at IoU {IOU_THRESHOLD:g} | {settings.runtime} {settings.precision} on {settings.device}"
    )


def print_report(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the settings, a table per class, the twelve COCO lines, VOC's numbers, and where the time went."""
    console = console or Console()
    if evaluation.settings:
        line = settings_line(evaluation.settings)
        print_on(console, line.replace(" | ", "\n  ") if console.is_terminal else line)
    print_table(class_table(evaluation), console)
    if console.is_terminal and console.width < _COCO_WIDTH:
        print_table(coco_table(evaluation.coco), console)
    else:
        for line in coco_lines(evaluation.coco):
            print_on(console, line)
    old, new = _number(evaluation.voc.mean_07), _number(evaluation.voc.mean_10)
    print_on(console, f" Pascal VOC mean AP at IoU 0.5: {old} by the 11 points of 2007, {new} by area (2010+)")
    print_on(console, _counts_line(evaluation.counts))
    if evaluation.times:
        print_on(console, _times_line(evaluation.times))


def class_table(evaluation: Evaluation) -> NumberTable:
    """A row per class with COCO's and VOC's numbers, and their means."""
    rows = []
    for coco, voc in zip(evaluation.per_class, evaluation.voc.per_class, strict=True):
        numbers = (coco.ap, coco.ap50, voc.ap07, voc.ap10)
        rows.append((coco.name, str(coco.truths), str(coco.ignored), *map(_number, numbers)))
    means = (evaluation.coco.ap, evaluation.coco.ap50, evaluation.voc.mean_07, evaluation.voc.mean_10)
    counts = (str(evaluation.counts.truths), str(evaluation.counts.ignored_truths))
    return NumberTable(
        ("class", "truths", "ignored", "AP", "AP50", "VOC 07", "VOC 10+"),
        (*rows, ("all", *counts, *map(_number, means))),
        spared=("ignored", "VOC 07", "VOC 10+", "truths"),
        total=True,
    )


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write ``metrics.json``, whole or not at all. Raises UserError when it cannot be written."""
    write_text_atomically(path, json.dumps(evaluation.as_plain(), indent=2, allow_nan=False) + "\n")


def write_predictions(path: Path, dataset: Dataset, detections: Sequence[Detections]) -> None:
    """Write ``predictions.json``, a COCO results list with the image and category ids of the data set's own files,
    whole or not at all. Raises UserError when it cannot be written."""

    def write(stream: IO[bytes]) -> None:
        rows = coco_results(dataset, detections)
        write_json_list(stream, (json.dumps(row, allow_nan=False, separators=(",", ":")) for row in rows))
        stream.write(b"\n")

    write_atomically(path, write)


def _counts_line(counts: EvaluationCounts) -> str:
    line = (
        f" {counted(counts.detections, 'detection')}, {counted(counts.truths, 'truth')}, "
        f"{counted(counts.ignored_truths, 'ignored truth')}"
    )
    if counts.dropped_detections:
        line += f", {counted(counts.dropped_detections, 'detection')} dropped as no boxes"
    if counts.nonfinite_predictions:
        line += f", {counted(counts.nonfinite_predictions, 'prediction')} dropped as no finite numbers"
    return line


def _times_line(times: StageTimes) -> str:
    return (
        f" per image: {times.milliseconds('reading'):.1f} ms waiting for data, {times.milliseconds('network'):.1f} ms "
        f"network, {times.milliseconds('selecting'):.1f} ms post-processing; {times.images_per_second:.1f} images/s"
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
