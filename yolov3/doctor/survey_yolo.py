"""What YOLO's text labels say, row by row, however wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yolov3.checks.finding import Finding
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import as_list, describe_places, given_names, path_ids
from yolov3.datasets.image_lists import images_below
from yolov3.datasets.label_format import Split
from yolov3.datasets.listing import list_files
from yolov3.datasets.tree import Tree
from yolov3.datasets.yolo import (
    BOX_COLUMNS,
    LARGEST_COORDINATE,
    SMALLEST_OUTLINE,
    find_images,
    label_path,
    names_beside,
)
from yolov3.doctor.survey import (
    UNKNOWN_CLASS,
    Complaints,
    Survey,
    classes_count_from_one,
    read_list_leniently,
)
from yolov3.errors import UserError
from yolov3.files.text import read_lines

LARGEST_CLASS = 1_000_000
"""A number above it is no class's: the row is something else."""


@dataclass
class _Rows:
    """The rows of all files that can be meant: which image's, which line, class as written, four numbers."""

    index: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    numbers: list[tuple[float, float, float, float]] = field(default_factory=list)


def survey_yolo(data: DataSection, tree: Tree, split: Split) -> Survey:
    """A split that ``data`` says the place of. Raises UserError when its images cannot be found at all."""
    complaints = Complaints(split)
    images = _list_images(data, tree, split, complaints)
    labels = [label_path(path) for path in images]
    listings = {folder: list_files(folder) for folder in {path.parent for path in labels}}
    rows, is_labelled = _Rows(), np.ones(len(images), bool)
    for place, path in enumerate(labels):
        if path.name not in listings[path.parent]:
            complaints.add("no-label-file", images[place])
            continue
        try:
            _read_file(path, place, rows, complaints)
        except UserError as error:
            complaints.add("broken-annotation-file", error)
            is_labelled[place] = False
    names, findings = _names(data, tree, rows.classes)

    def place_of(number: int) -> str:
        return f"{labels[rows.index[number]]}:{rows.lines[number]}"

    known = _known_classes(rows, len(names), place_of, complaints)
    return Survey(
        split=split,
        source=f"YOLO, {split}: {describe_places(as_list(getattr(data, split)))} in {tree.root}",
        format="yolo",
        form="cxcywh",
        in_shares=True,
        one_based=False,
        images=tuple(images),
        image_ids=tuple(path_ids(images, tree.root)),
        said_sizes=np.zeros((len(images), 2), np.int64),
        is_labelled=is_labelled,
        image_index=np.array(rows.index, np.int64),
        numbers=np.array(rows.numbers, np.float64).reshape(-1, 4),
        labels=known,
        ignore=np.zeros(len(rows.index), bool),
        names=names,
        place_of=place_of,
        findings=(*findings, *complaints.findings()),
    )


def _list_images(data: DataSection, tree: Tree, split: Split, complaints: Complaints) -> list[Path]:
    paths: list[Path] = []
    for text in as_list(getattr(data, split)):
        place = find_images(tree, text)
        if place.is_dir():
            paths += images_below(place)
            continue
        listed = read_list_leniently(place, tree, complaints)
        seen: set[Path] = set()
        for path, where in zip(listed.found, listed.where):
            if path in seen:
                complaints.add("image-listed-twice", f"{where}: {path.name}")
            seen.add(path)
        paths += listed.found
    return list(dict.fromkeys(paths))


def _names(data: DataSection, tree: Tree, used: list[int]) -> tuple[tuple[str, ...], list[Finding]]:
    """The names of the classes; numbers instead, and a finding, where there are none."""
    try:
        return given_names(data) or names_beside(tree), []
    except UserError as error:
        finding = Finding(
            "no-class-names", "error", str(error), (str(tree.root),), 1,
            "training and evaluation refuse to begin", "write the names into classes.txt, in the order of their numbers",
        )  # fmt: skip
        return tuple(str(number) for number in range(max(used, default=-1) + 1)), [finding]


def _read_file(path: Path, place: int, rows: _Rows, complaints: Complaints) -> None:
    for number, line in enumerate(read_lines(path, what="labels"), start=1):
        words = line.split()
        if not words:
            continue
        values = _values(words)
        if values is None:
            complaints.add("broken-label", f"{path}:{number}: found {line.strip()[:60]!r}")
        elif _are_pixels(values[1:]):
            complaints.add("pixels-for-shares", f"{path}:{number}: found {line.strip()[:60]}")
        else:
            if len(values) > BOX_COLUMNS:
                complaints.add("outline", f"{path}:{number}")
            rows.index.append(place)
            rows.lines.append(number)
            rows.classes.append(int(values[0]))
            rows.numbers.append(_box(values[1:]))


def _values(words: list[str]) -> list[float] | None:
    """The numbers of a row, None for what can be neither a box nor an outline."""
    if len(words) != BOX_COLUMNS and not (len(words) >= SMALLEST_OUTLINE and len(words) % 2):
        return None
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    if not all(map(math.isfinite, values)):
        return None
    return values if values[0] == int(values[0]) and abs(values[0]) <= LARGEST_CLASS else None


def _are_pixels(values: list[float]) -> bool:
    """Shares lie in 0 to 1, a little outside where a box reaches out. Above LARGEST_COORDINATE readers refuse them;
    whole numbers of which one is above 1 are pixels of small images."""
    largest = max(map(abs, values))
    return largest > LARGEST_COORDINATE or (largest > 1 and all(value == int(value) for value in values))


def _box(values: list[float]) -> tuple[float, float, float, float]:
    if len(values) == BOX_COLUMNS - 1:
        return values[0], values[1], values[2], values[3]
    across, down = values[::2], values[1::2]
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _known_classes(rows: _Rows, num_classes: int, place_of: Callable[[int], str], complaints: Complaints) -> np.ndarray:
    """(M,) labels, UNKNOWN_CLASS where there is no such class."""
    numbers = np.array(rows.classes, np.int64)
    is_known = (numbers >= 0) & (numbers < num_classes)
    if not is_known.all():
        kind = "one-based-classes" if classes_count_from_one(rows.classes, num_classes) else "unknown-class"
        for number in np.flatnonzero(~is_known).tolist():
            where = place_of(number)
            complaints.add(kind, f"{where}: class {numbers[number]} of 0 to {num_classes - 1}")
    return np.where(is_known, numbers, UNKNOWN_CLASS)
