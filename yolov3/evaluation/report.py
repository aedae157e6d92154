"""What a person and a program get of an evaluation: tables, ``metrics.json``, ``predictions.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.coco import MAX_DETECTIONS, CocoNumbers, coco_results
from yolov3.evaluation.measure import Evaluation, EvaluationCounts, EvaluationSettings
from yolov3.evaluation.voc import IOU_THRESHOLD
from yolov3.files.atomic import write_text_atomically
from yolov3.watching.stage_times import StageTimes

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


def coco_lines(numbers: CocoNumbers) -> list[str]:
    """The twelve lines in the form that readers of COCO results know."""
    lines = []
    for value, (measure, thresholds, areas, most) in zip(numbers.as_plain().values(), _COCO_LINES, strict=True):
        short = f"(A{measure[0]})"
        conditions = f"@[ IoU={thresholds:<9} | area={areas:>6} | maxDets={most:>3} ]"
        lines.append(f" {'Average ' + measure:<18} {short} {conditions} = {_number(value)}")
    return lines


def settings_line(settings: EvaluationSettings) -> str:
    """One line with all that the numbers depend on."""
    fitting, selection = settings.preprocessing, settings.selection
    height, width = fitting.size
    suppression = selection.suppression
    rule = suppression.kind + (f" ^{suppression.exponent:g}" if suppression.kind == "diou" else "")
    kinds = [
        "boxes of all classes against each other" if selection.class_agnostic else "per class",
        "several classes per box" if selection.multi_label else "one class per box",
    ]
    return (
        f"{settings.model} | {settings.data} | {settings.images} images, {settings.num_classes} classes | "
        f"input {height}x{width} {fitting.fit}, resize {fitting.resize}, fill {fitting.fill:g} | "
        f"score > {selection.confidence:g}, NMS {rule} > {selection.nms_threshold:g} {', '.join(kinds)}, "
        f"at most {selection.max_detections} per image; COCO counts the best {MAX_DETECTIONS} per class "
        f"and image; VOC at IoU {IOU_THRESHOLD:g} | {settings.precision} on {settings.device}"
    )


def print_report(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the settings, a table per class, the twelve COCO lines, VOC's numbers, and where the time went."""
    console = console or Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    if evaluation.settings:
        say(settings_line(evaluation.settings))
    console.print(class_table(evaluation))
    for line in coco_lines(evaluation.coco):
        say(line)
    old, new = _number(evaluation.voc.mean_07), _number(evaluation.voc.mean_10)
    say(f" Pascal VOC mean AP at IoU 0.5: {old} by the 11 points of 2007, {new} by area (2010+)")
    say(_counts_line(evaluation.counts))
    if evaluation.times:
        say(_times_line(evaluation.times))


def class_table(evaluation: Evaluation) -> Table:
    """A row per class with COCO's and VOC's numbers, and their means."""
    table = Table(box=None, header_style="bold")
    table.add_column("class", overflow="fold")
    for heading in ("truths", "ignored", "AP", "AP50", "VOC 07", "VOC 10+"):
        table.add_column(heading, justify="right", no_wrap=True)
    for coco, voc in zip(evaluation.per_class, evaluation.voc.per_class, strict=True):
        numbers = (coco.ap, coco.ap50, voc.ap07, voc.ap10)
        table.add_row(Text(coco.name), str(coco.truths), str(coco.ignored), *map(_number, numbers))
    means = (evaluation.coco.ap, evaluation.coco.ap50, evaluation.voc.mean_07, evaluation.voc.mean_10)
    counts = (str(evaluation.counts.truths), str(evaluation.counts.ignored_truths))
    table.add_row("all", *counts, *map(_number, means), style="bold")
    return table


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write ``metrics.json``, whole or not at all. Raises UserError when it cannot be written."""
    write_text_atomically(path, json.dumps(evaluation.as_plain(), indent=2, allow_nan=False) + "\n")


def write_predictions(path: Path, dataset: Dataset, detections: Sequence[Detections]) -> None:
    """Write ``predictions.json``, a COCO results list with the image and category ids of the data set's own files,
    whole or not at all. Raises UserError when it cannot be written."""
    rows = coco_results(dataset, detections)
    lines = ",\n".join(json.dumps(row, allow_nan=False, separators=(",", ":")) for row in rows)
    write_text_atomically(path, f"[\n{lines}\n]\n" if rows else "[]\n")


def _counts_line(counts: EvaluationCounts) -> str:
    line = f" {counts.detections} detections, {counts.truths} truths, {counts.ignored_truths} ignored truths"
    if counts.dropped_detections:
        line += f", {counts.dropped_detections} detections dropped as no boxes"
    if counts.nonfinite_predictions:
        line += f"; WARNING: {counts.nonfinite_predictions} predictions of the network were not finite numbers"
    return line


def _times_line(times: StageTimes) -> str:
    return (
        f" per image: {times.milliseconds('reading'):.1f} ms waiting for data, {times.milliseconds('network'):.1f} ms "
        f"network, {times.milliseconds('selecting'):.1f} ms post-processing; {times.images_per_second:.1f} images/s"
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
