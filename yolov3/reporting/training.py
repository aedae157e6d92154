"""The section of a page about how a run went, from the files that it keeps: losses, scores, rates, waiting, a batch."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from yolov3.errors import UserError
from yolov3.geometry import resize_image
from yolov3.images.files import read_image
from yolov3.journal.rows import DetectionRow
from yolov3.reporting.charts import Line, line_chart
from yolov3.reporting.crops import address_of
from yolov3.reporting.page import Chart, Gallery, Part, Picture, Section

SHEET_SIDE = 1000  # pixels of the longer side of a sheet
MOST_CLASSES = 10

Rows = Sequence[Mapping[str, str]]


def training_section(folder: Path) -> Section:
    """How the run in a folder went: what of its files is there and can be read."""
    results, timing = read_rows(folder / "results.csv"), read_rows(folder / "timing.csv")
    parts: list[Part] = []
    scales = {
        "loss": ("loss", None, True),
        "average precision": ("AP", (0.0, 1.0), False),
        "learning rate": ("rate", None, False),
    }
    for panel, columns in DetectionRow.panels().items():
        up, limits, log = scales[panel]
        lines = [line for column in columns if len((line := _line(results, column)).x)]
        if lines:
            parts.append(Chart(panel, line_chart(lines, across="epoch", up=up, limits=limits, log=log)))
    classes = _class_lines(read_rows(folder / "classes.csv"))
    if classes:
        parts.append(Chart("AP of the classes", line_chart(classes[:MOST_CLASSES], across="epoch", up="AP")))
    waiting = _line(timing, "data_wait_share")
    if len(waiting.x):
        parts.append(
            Chart("share of the time spent waiting for images", line_chart([waiting], across="epoch", up="share"))
        )
    sheet = _sheet(folder / "training_batch.png")
    if sheet:
        parts.append(Gallery("batch", "What a batch looks like", "As the network sees it, with its labels.", [sheet]))
    return Section("training", "How it learned", _words(results, timing), parts)


def read_rows(path: Path) -> Rows:
    """The rows of a table, by the names of its columns; none where there is no such file or it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _words(results: Rows, timing: Rows) -> str:
    skipped = results[-1].get("skipped_steps") if results else None
    words = [f"{len(results)} epochs"]
    speeds = [value for row in timing if (value := _number(row.get("images_per_second"))) is not None]
    if speeds:
        words.append(f"{np.median(speeds):.1f} images a second (median)")
    if skipped:
        words.append(f"{skipped} steps skipped for numbers that were not finite")
    return ", ".join(words) + "."


def _line(rows: Rows, column: str) -> Line:
    """Of each epoch that has a number there, the last row counts: a run that went on repeats some."""
    points: dict[float, float] = {}
    for row in rows:
        epoch, value = _number(row.get("epoch")), _number(row.get(column))
        if epoch is not None and value is not None:
            points[epoch] = value
    return Line(column.rpartition("/")[2], np.array(list(points)), np.array(list(points.values())))


def _class_lines(rows: Rows) -> list[Line]:
    """The class with the lowest last AP first: it is the one to look at."""
    by_class: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_class[str(row.get("class"))].append(row)
    lines = [replace(_line(own, "AP"), name=name) for name, own in by_class.items()]
    return sorted((line for line in lines if len(line.x)), key=lambda line: float(line.y[-1]))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _sheet(path: Path) -> Picture | None:
    try:
        image = read_image(path)
    except UserError:  # a run that was broken off has none
        return None
    scale = min(1.0, SHEET_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    return Picture(address_of(resize_image(image, size, "area")), path.name, "", wide=True)
