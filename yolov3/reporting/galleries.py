"""Galleries of a page: the crops of an analysis's cases, and of the cells of its confusion matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from yolov3.analysis.cases import Gallery as CaseGallery
from yolov3.analysis.confusion import Confusion, Pair
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.reporting.crops import Wanted, crops_of
from yolov3.reporting.page import Gallery, Picture, place_name
from yolov3.reporting.sections import cell_name

CELL_PICTURES = 6
MOST_CELLS = 24
"""The fullest cells beside the diagonal have a gallery. With those of the cases a page has about 300 crops, 2 MB."""


@dataclass(frozen=True)
class Shown:
    """What was found in which images: whose crops are wanted."""

    dataset: Dataset
    detections: Sequence[Detections]

    def wanted(self, image: int, detection: int | None, truth: int | None) -> Wanted:
        """The crop of a detection and a truth by their places in their image."""
        true = None if truth is None else self.dataset.samples[image].boxes[truth].tolist()
        found = None if detection is None else self.detections[image].boxes[detection].tolist()
        return Wanted(image, true, found)

    def score(self, pair: Pair) -> float | None:
        """The score of a pair's detection."""
        return None if pair.detection is None else float(self.detections[pair.image].scores[pair.detection])


@dataclass(frozen=True)
class _Plan:
    """A gallery before its crops are there."""

    name: str
    title: str
    lead: str
    wanted: list[Wanted]
    words: list[str]


@dataclass(frozen=True)
class Galleries:
    """Those of ``cases``, those of ``cells`` of the matrix, and which cells (row, column) these are."""

    cases: list[Gallery]
    cells: list[Gallery]
    linked: set[tuple[int, int]]


def draw_galleries(shown: Shown, found: Sequence[CaseGallery], confusion: Confusion) -> Galleries:
    """All galleries with their crops; each image is read once."""
    plans = [_of_cases(shown, gallery) for gallery in found]
    chosen, cells = _fullest(confusion), confusion.cells()
    cell_plans = [_of_cell(shown, confusion, cell, _spread(cells[cell])) for cell in chosen]
    filled = _filled(shown.dataset, [*plans, *cell_plans])
    return Galleries(filled[: len(plans)], filled[len(plans) :], set(chosen))


def _fullest(confusion: Confusion) -> list[tuple[int, int]]:
    counts = confusion.counts.copy()
    counts[range(len(counts)), range(len(counts))] = 0
    order = (-counts.ravel()).argsort(kind="stable")[:MOST_CELLS]
    cells = [divmod(int(place), len(counts)) for place in order]
    return [cell for cell in cells if counts[cell]]


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    """A few, of as many images as there are: first one of each, then the next of each."""
    rank: Counter[int] = Counter()
    ranked = []
    for place, pair in enumerate(pairs):
        ranked.append((rank[pair.image], place, pair))
        rank[pair.image] += 1
    return [pair for *_, pair in sorted(ranked, key=lambda entry: entry[:2])[:CELL_PICTURES]]


def _of_cases(shown: Shown, gallery: CaseGallery) -> _Plan:
    count = len(gallery.cases)
    how_many = f"{count} of {gallery.total}" if gallery.total > count else str(gallery.total)
    return _Plan(
        place_name("gallery", gallery.name),
        f"{gallery.name.capitalize()} ({how_many})",
        gallery.explained,
        [shown.wanted(case.image, case.detection, case.truth) for case in gallery.cases],
        [case.words for case in gallery.cases],
    )


def _of_cell(shown: Shown, confusion: Confusion, cell: tuple[int, int], pairs: Sequence[Pair]) -> _Plan:
    row, column = cell
    names, background = confusion.names, len(confusion.names)
    if row == background:
        title = f"{names[column]} where there is none"
    else:
        title = f"{names[row]} that is missed" if column == background else f"{names[row]} taken for {names[column]}"
    scores = [shown.score(pair) for pair in pairs]
    return _Plan(
        cell_name(row, column),
        f"{title} ({int(confusion.counts[cell])})",
        "",
        [shown.wanted(*pair) for pair in pairs],
        ["missed" if score is None else f"{names[column]} {score:.2f}" for score in scores],
    )


def _filled(dataset: Dataset, plans: Sequence[_Plan]) -> list[Gallery]:
    addresses = iter(crops_of(dataset, [wanted for plan in plans for wanted in plan.wanted]))
    galleries = []
    for plan in plans:
        pictures = [
            Picture(next(addresses), dataset.samples[wanted.sample].path.name, words)
            for wanted, words in zip(plan.wanted, plan.words, strict=True)
        ]
        galleries.append(Gallery(plan.name, plan.title, plan.lead, pictures))
    return galleries
