"""Two models on the same images: measured or read, compared, and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

from yolov3.analysis.analysis import Analysis, AnalysisSettings, analyse
from yolov3.analysis.comparison import Comparison, TruthChange, compare
from yolov3.analysis.intervals import Interval
from yolov3.catalogue.naming import change_data, named_section
from yolov3.catalogue.opening import open_dataset
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.evaluation.evaluate import evaluate
from yolov3.evaluation.report import PREDICTIONS
from yolov3.evaluation.saved import is_saved_evaluation, read_metrics, read_predictions, source_of
from yolov3.files.atomic import write_text_atomically
from yolov3.files.run_folder import make_run_folder
from yolov3.reporting.crops import Wanted, crops_of
from yolov3.reporting.page import Gallery, Page, Picture, Section, Table, Tile, render
from yolov3.reporting.sections import number
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

PAGE, NUMBERS = "comparison.html", "comparison.json"
MOST = 24


class CompareChanges(TypedDict, total=False):
    """The fields of :class:`CompareOptions`, as keywords."""

    first: str | Path
    second: str | Path
    data: str | Path | None
    data_changes: Sequence[str]
    split: Split
    device: str
    output: str | Path
    name: str


@dataclass(frozen=True)
class CompareOptions:
    """``first`` and ``second``: folders of evaluations, or with ``data`` models, which are evaluated first. ``data`` and
    ``data_changes`` name what both are measured on, by default what the first was. A new folder ``name`` is made in
    ``output``."""

    first: str | Path
    second: str | Path
    data: str | Path | None = None
    data_changes: Sequence[str] = ()
    split: Split = "val"
    device: str = "auto"
    output: str | Path = Path("runs/compare")
    name: str = "compare"

    @property
    def paths(self) -> tuple[Path, Path]:
        """Of the first and of the second."""
        return Path(self.first), Path(self.second)


@dataclass(frozen=True)
class Compared:
    """The comparison, and where its page lies."""

    comparison: Comparison
    folder: Path


def compare_models(
    options: CompareOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[CompareChanges]
) -> Compared:
    """Measure what is no evaluation yet, compare, write ``comparison.html`` and ``comparison.json``:
    ``compare_models(first="a.pt", second="b.pt", data="mine")``. ``changes`` are fields of the options. Raises UserError."""
    options = CompareOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    dataset = _dataset(options)
    names = _names(options)
    found = [_found(path, dataset, options, watcher) for path in options.paths]
    analyses = [_analyse(dataset, each) for each in found]
    comparison = compare(*analyses, names=names, most=MOST)
    folder = make_run_folder(Path(options.output), options.name)
    page = comparison_page(comparison, analyses, dataset)
    plain = {"names": list(names), "data": dataset.source, **comparison.as_plain()}
    write_text_atomically(folder / NUMBERS, json.dumps(plain, indent=1, allow_nan=False) + "\n")
    write_text_atomically(folder / PAGE, render(page))
    return Compared(comparison, folder)


def comparison_page(comparison: Comparison, analyses: Sequence[Analysis], dataset: Dataset) -> Page:
    """The page of a comparison."""
    one, other = comparison.names
    difference = comparison.difference
    rows = [("all", *_row(difference.ap50, difference.ap))]
    rows += [(each.name, *_row(each.ap50, each.ap)) for each in difference.classes if each.ap50.value is not None]
    own = [analysis.evidence.intervals for analysis in analyses]
    images = [(dataset.samples[each.image].path.name, str(each.before), str(each.after)) for each in comparison.images]
    lead = (
        f"{other} less {one}, with the interval that holds the difference for 95 of 100 such sets of images: both models see "
        "the same images in each round. Where it holds 0, these images cannot tell which is better."
    )
    sections = [
        Section("difference", "The difference", lead, [Table(("class", "AP50", "95 %", "AP", "95 %"), rows)]),
        Section(
            "objects",
            "Objects won and lost",
            "Above each model's best thresholds, at IoU 0.5. Green is the label.",
            [
                _gallery("won", f"Found by {other} alone ({comparison.num_won})", comparison.won, dataset),
                _gallery("lost", f"Found by {one} alone ({comparison.num_lost})", comparison.lost, dataset),
            ],
        ),
        Section(
            "images",
            "Images that changed most",
            "How many mistakes each has there.",
            [Table(("image", one, other), images)],
        ),
    ]
    tiles = [
        Tile(f"AP50 of {one}", number(own[0].ap50.value)),
        Tile(f"AP50 of {other}", number(own[1].ap50.value)),
        Tile(f"AP of {one}", number(own[0].ap.value)),
        Tile(f"AP of {other}", number(own[1].ap.value)),
        Tile("won", str(comparison.num_won), f"found by {other} alone"),
        Tile("lost", str(comparison.num_lost), f"found by {one} alone"),
    ]
    verdict = comparison.verdict[:1].upper() + comparison.verdict[1:]
    about = f"{one} and {other} on {dataset.source}: {counted(len(dataset), 'image')}"
    return Page(verdict, about, tiles, [], sections)


def _dataset(options: CompareOptions) -> Dataset:
    if options.data is not None:
        return open_dataset(named_section(options.data, options.data_changes), options.split)
    for path in options.paths:
        if is_saved_evaluation(path):
            section, split = source_of(path, read_metrics(path))
            return open_dataset(change_data(section, options.data_changes), split)  # type: ignore[arg-type]
    raise UserError(f"{options.first} and {options.second}: give --data, on which both are measured")


def _found(path: Path, dataset: Dataset, options: CompareOptions, watcher: Watcher) -> Sequence[Detections]:
    if is_saved_evaluation(path):
        return read_predictions(path / PREDICTIONS, dataset)
    watcher.say(f"measuring {path}")
    if options.data is None:
        raise UserError(f"{path}: is no folder of an evaluation; give --data, on which both are measured")
    evaluation = evaluate(
        weights=path, data=options.data, data_changes=tuple(options.data_changes), split=options.split,
        device=options.device, watcher=watcher,
    )  # fmt: skip
    return evaluation.detections


def _analyse(dataset: Dataset, found: Sequence[Detections]) -> Analysis:
    # What sizes mean to a network is nothing that is compared.
    return analyse(dataset, found, strides=(1,), settings=AnalysisSettings(most=1))


def _names(options: CompareOptions) -> tuple[str, str]:
    """As short as they differ."""
    one, other = (path.absolute() for path in options.paths)
    for length in range(1, max(len(one.parts), len(other.parts)) + 1):
        names = ("/".join(one.parts[-length:]), "/".join(other.parts[-length:]))
        if names[0] != names[1]:
            return names
    return ("first", "second")


def _row(ap50: Interval, ap: Interval) -> tuple[str, ...]:
    return (_signed(ap50.value), _range(ap50), _signed(ap.value), _range(ap))


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _range(interval: Interval) -> str:
    return "" if interval.low is None else f"{_signed(interval.low)} to {_signed(interval.high)}"


def _gallery(name: str, title: str, changes: Sequence[TruthChange], dataset: Dataset) -> Gallery:
    wanted = [Wanted(each.image, dataset.samples[each.image].boxes[each.truth].tolist()) for each in changes]
    pictures = [
        Picture(address, dataset.samples[each.image].path.name, each.name)
        for each, address in zip(changes, crops_of(dataset, wanted), strict=True)
    ]
    return Gallery(name, title, "The largest first.", pictures)
