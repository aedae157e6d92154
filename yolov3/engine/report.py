"""What a person and a program get of an evaluation: tables, ``metrics.json``, ``predictions.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from yolov3.datasets import Dataset
from yolov3.engine.coco_metric import COCO_NUMBERS, coco_results
from yolov3.engine.evaluate import Evaluation
from yolov3.formats.atomic import write_text_atomically
from yolov3.structures import Detections

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


def coco_lines(numbers: dict[str, float | None]) -> list[str]:
    """The twelve lines in the form that readers of COCO results know."""
    lines = []
    for name, (measure, thresholds, areas, most) in zip(COCO_NUMBERS, _COCO_LINES, strict=True):
        short = f"(A{measure[0]})"
        conditions = f"@[ IoU={thresholds:<9} | area={areas:>6} | maxDets={most:>3} ]"
        lines.append(f" {'Average ' + measure:<18} {short} {conditions} = {_number(numbers[name])}")
    return lines


def settings_line(evaluation: Evaluation) -> str:
    """One line with all that the numbers depend on."""
    told = evaluation.settings
    height, width = told["input_size"]
    rule = told["nms_kind"] + (f" ^{told['diou_exponent']:g}" if told["nms_kind"] == "diou" else "")
    kinds = [
        "boxes of all classes against each other" if told["class_agnostic"] else "per class",
        "several classes per box" if told["multi_label"] else "one class per box",
    ]
    return (
        f"{told['model']} | {told['data']} | {told['images']} images, {told['num_classes']} classes | "
        f"input {height}x{width} {told['input_fit']}, resize {told['input_resize']}, fill {told['input_fill']:g} | "
        f"score > {told['confidence']:g}, NMS {rule} > {told['nms_threshold']:g} {', '.join(kinds)}, "
        f"at most {told['max_detections']} per image; COCO counts the best {told['coco_max_detections']} per class "
        f"and image; VOC at IoU {told['voc_iou_threshold']:g} | {told['precision']} on {told['device']}"
    )


def print_report(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the settings, a table per class, the twelve COCO lines, VOC's numbers, and where the time went."""
    console = console or Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    say(settings_line(evaluation))
    console.print(class_table(evaluation))
    for line in coco_lines(evaluation.coco):
        say(line)
    means = {name: _number(evaluation.voc[name]) for name in ("AP07", "AP10+")}
    say(f" Pascal VOC mean AP at IoU 0.5: {means['AP07']} by the 11 points of 2007, {means['AP10+']} by area (2010+)")
    say(_counts_line(evaluation.counts))
    if evaluation.timing:
        say(_timing_line(evaluation.timing))


def class_table(evaluation: Evaluation) -> Table:
    """A row per class with COCO's and VOC's numbers, and their means."""
    table = Table(box=None, header_style="bold")
    table.add_column("class", overflow="fold")
    for heading in ("truths", "ignored", "AP", "AP50", "VOC 07", "VOC 10+"):
        table.add_column(heading, justify="right", no_wrap=True)
    for coco, voc in zip(evaluation.per_class, evaluation.voc["per_class"], strict=True):
        numbers = (coco["AP"], coco["AP50"], voc["AP07"], voc["AP10+"])
        table.add_row(Text(coco["name"]), str(coco["truths"]), str(coco["ignored"]), *map(_number, numbers))
    means = (evaluation.coco["AP"], evaluation.coco["AP50"], evaluation.voc["AP07"], evaluation.voc["AP10+"])
    counts = (str(evaluation.counts["truths"]), str(evaluation.counts["ignored_truths"]))
    table.add_row("all", *counts, *map(_number, means), style="bold")
    return table


def metrics_as_plain(evaluation: Evaluation) -> dict[str, Any]:
    """All of an evaluation but its detections, as plain values."""
    return {
        "settings": evaluation.settings,
        "coco": evaluation.coco,
        "per_class": evaluation.per_class,
        "voc": evaluation.voc,
        "counts": evaluation.counts,
        "timing": evaluation.timing,
    }


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write ``metrics.json``, whole or not at all. Raises UserError when it cannot be written."""
    write_text_atomically(path, json.dumps(metrics_as_plain(evaluation), indent=2, allow_nan=False) + "\n")


def write_predictions(path: Path, dataset: Dataset, detections: Sequence[Detections]) -> None:
    """Write ``predictions.json``, a COCO results list with the image and category ids of the data set's own files,
    whole or not at all. Raises UserError when it cannot be written."""
    rows = coco_results(dataset, detections)
    lines = ",\n".join(json.dumps(row, allow_nan=False, separators=(",", ":")) for row in rows)
    write_text_atomically(path, f"[\n{lines}\n]\n" if rows else "[]\n")


class EvaluationProgress:
    """A bar on a terminal's error output, images per second with it. Enter it and pass it as ``progress``."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("evaluating", total=total)
        self._start = time.perf_counter()

    def __enter__(self) -> EvaluationProgress:
        self._progress.start()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` images are done."""
        speed = done / max(time.perf_counter() - self._start, 1e-9)
        text = f"evaluating  {speed:.1f} images/s"
        self._progress.update(self._task, completed=done, total=total, description=text)


def _counts_line(counts: dict[str, int]) -> str:
    line = f" {counts['detections']} detections, {counts['truths']} truths, {counts['ignored_truths']} ignored truths"
    if counts["dropped_detections"]:
        line += f", {counts['dropped_detections']} detections dropped as no boxes"
    if counts["nonfinite_predictions"]:
        line += f"; WARNING: {counts['nonfinite_predictions']} predictions of the network were not finite numbers"
    return line


def _timing_line(timing: dict[str, float]) -> str:
    return (
        f" per image: {timing['data_wait_ms']:.1f} ms waiting for data, {timing['network_ms']:.1f} ms network, "
        f"{timing['postprocess_ms']:.1f} ms post-processing; {timing['images_per_second']:.1f} images/s"
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
