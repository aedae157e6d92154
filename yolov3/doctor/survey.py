"""What the files of a split say, before anything of it is dropped, clipped or refused.

The readers of ``datasets`` stop at the first thing that cannot be meant and drop what cannot be learned. Here all of it is
kept, with the place where it stands, and what cannot be read becomes a finding; so the rest can be examined all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from yolov3.boxes import cxcywh_to_xyxy, xywh_to_xyxy
from yolov3.checks.finding import Finding, Severity, first_places
from yolov3.datasets.label_format import Split
from yolov3.datasets.listing import list_files
from yolov3.datasets.tree import Tree
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.watching.words import counted

Form = Literal["xyxy", "xywh", "cxcywh"]

UNKNOWN_CLASS = -1


@dataclass(frozen=True)
class Survey:
    """A split as its files have it. P images, M objects.

    ``images`` (P) paths with ``image_ids``; ``said_sizes`` (P, 2) int64, the (height, width) that an annotation gives them, 0
    where none does; ``is_labelled`` (P,) bool: its labels were read. ``image_index`` (M,), ``numbers`` (M, 4) float64 as they
    are written, whose meaning is ``form``, in pixels or, where ``in_shares``, in shares of the image; ``labels`` (M,),
    UNKNOWN_CLASS for a class that is none; ``ignore`` (M,). ``one_based``: left and top are counted from 1. ``place_of``
    says where an object stands. ``findings`` are what could not be read.
    """

    split: Split
    source: str
    format: str
    form: Form
    in_shares: bool
    one_based: bool
    images: tuple[Path, ...]
    image_ids: tuple[int | str, ...]
    said_sizes: np.ndarray
    is_labelled: np.ndarray
    image_index: np.ndarray
    numbers: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    names: tuple[str, ...]
    place_of: Callable[[int], str]
    findings: tuple[Finding, ...]

    def in_pixels(self, sizes: np.ndarray) -> np.ndarray:
        """The numbers (M, 4) in pixels of images of ``sizes`` (P, 2)."""
        if not self.in_shares:
            return self.numbers
        return self.numbers * np.tile(sizes[self.image_index][:, ::-1].astype(np.float64), 2)

    def boxes(self, sizes: np.ndarray) -> np.ndarray:
        """(M, 4) xyxy pixels of images of ``sizes`` (P, 2), as the readers understand the numbers, nothing clipped."""
        boxes = corners(self.in_pixels(sizes), self.form)
        if self.one_based:  # as the reader: a box whose corners span nothing stays as it is
            spans = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
            boxes = boxes.copy()
            boxes[:, :2] -= spans[:, None]
        return boxes


def corners(numbers: np.ndarray, form: Form) -> np.ndarray:
    """(M, 4) numbers of a form as xyxy."""
    if form == "xyxy":
        return numbers
    return xywh_to_xyxy(numbers) if form == "xywh" else cxcywh_to_xyxy(numbers)


@dataclass
class Complaints:
    """What is found while files are read, kind by kind, to become findings in the end."""

    split: Split
    refused: frozenset[str] = frozenset()
    """Kinds that this format's reader refuses, however others take them."""
    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: object) -> None:
        """One more of a kind."""
        self.places.setdefault(kind, []).append(str(place))

    def findings(self) -> tuple[Finding, ...]:
        """One for each kind."""
        found: list[Finding] = []
        for kind, places in self.places.items():
            rule = RULES[kind]
            what = f"{self.split}: {counted(len(places), rule.noun)} {rule.says}"
            is_refused = kind in self.refused
            severity: Severity = "error" if is_refused else rule.severity
            costs = _REFUSED if is_refused else rule.costs
            found.append(Finding(kind, severity, what, first_places(places), len(places), costs, rule.advice))
        return tuple(found)


@dataclass(frozen=True)
class Rule:
    """How a kind of complaint is told."""

    severity: Severity
    noun: str
    says: str
    costs: str
    advice: str


_REFUSED = "training and evaluation refuse to begin"

RULES = {
    "missing-image": Rule(
        "error", "image", "named and not there", _REFUSED, "bring the files, or take their names out of the list or json"
    ),
    "image-listed-twice": Rule(
        "warning", "image", "named more than once", "it is believed or counted more often than it is there",
        "leave one line or entry of each",
    ),
    "broken-label": Rule(
        "error", "label", "that cannot be read", _REFUSED, "mend or remove the entry; the place says what was found"
    ),
    "broken-annotation-file": Rule(
        "error", "file of annotations", "that cannot be read", _REFUSED, "write the file anew with the annotation tool"
    ),
    "image-without-annotation": Rule(
        "error", "listed image", "without an annotation file", _REFUSED,
        "annotate it, or take it out of the list",
    ),
    "image-left-out": Rule(
        "warning", "image", "without an annotation file, so that nobody knows what is on it",
        "it is left out", "annotate it, or give it an annotation without objects",
    ),
    "no-label-file": Rule(
        "note", "image", "without a label file, taken as without objects",
        "if there are objects on it, the network learns not to see them", "make sure that nothing is on it",
    ),
    "unknown-class": Rule(
        "error", "object", "of a class that there is not", _REFUSED, "name the class among the others, or mend the labels"
    ),
    "one-based-classes": Rule(
        "error", "object", "of a class that there is not, as if classes counted from 1",
        _REFUSED + "; where it did not, each object would be taken for the class behind its own",
        "subtract 1 from every class number: they count from 0",
    ),
    "pixels-for-shares": Rule(
        "error", "label", "in pixels, where shares of the image (0 to 1) are expected", _REFUSED,
        "divide x and width by the image's width, y and height by its height",
    ),
    "object-of-no-image": Rule(
        "error", "annotation", "of an image that there is not", _REFUSED, "mend image_id, or remove the annotation"
    ),
    "doubled-id": Rule(
        "error", "id", "given to more than one entry", _REFUSED, "number the entries anew"
    ),
    "outline": Rule(
        "note", "outline", "taken as the box around it", "nothing; a box is what is learned", ""
    ),
    "image-elsewhere": Rule(
        "note", "image", "found by its name, elsewhere than the list or json says", "nothing, while names are distinct", ""
    ),
}  # fmt: skip
"""What can be wrong while files are read."""


@dataclass(frozen=True)
class Listed:
    """Images that a file names: ``found`` paths, each with the ``where`` it is named."""

    found: list[Path]
    where: list[str]


def read_list_leniently(file: Path, tree: Tree, complaints: Complaints) -> Listed:
    """The images of a list that are there, where :func:`yolov3.datasets.image_lists.read_image_list` would refuse it for
    those that are not. Raises UserError when it is no list at all."""
    lines = read_lines(file, what="a list of images", most_bytes=LARGEST_LIST)
    texts = [(number, line.strip().strip("\"'")) for number, line in enumerate(lines, start=1)]
    texts = [(number, text) for number, text in texts if text and "\0" not in text]
    bases = (file.parent,) if texts and texts[0][1].startswith("./") else (tree.root, file.parent, Path())
    lookup = Lookup(tree)
    base = next((place for place in bases for _, text in texts if lookup.has(place / text)), bases[0])
    listed = Listed([], [])
    for number, text in texts:
        lookup.take(base / text, text, f"{file}:{number}", listed, complaints)
    return listed


class Lookup:
    """Finds images that are named; every folder is asked once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._listings: dict[Path, set[str]] = {}

    def has(self, path: Path) -> bool:
        """Whether a file is there."""
        folder = path.parent
        if folder not in self._listings:
            self._listings[folder] = list_files(folder)
        return path.name in self._listings[folder]

    def take(self, path: Path | None, text: str, where: str, listed: Listed, complaints: Complaints) -> bool:
        """Add the image at ``path``, or the one that is called like ``text`` anywhere; whether there is one."""
        found = path if path is not None and self.has(path) else self.tree.find_image(text)
        if found is None:
            complaints.add("missing-image", f"{where}: {text}")
            return False
        if found != path:
            complaints.add("image-elsewhere", f"{where}: {text}")
        listed.found.append(found)
        listed.where.append(where)
        return True


def classes_count_from_one(numbers: Iterable[int], num_classes: int, first: int = 0) -> bool:
    """Whether class numbers look as if they counted from one more than ``first``: the highest is one too high, the lowest
    never occurs."""
    used = Counter(numbers)
    return bool(used) and max(used) == first + num_classes and min(used) > first


def unread(split: Split, source: str, problem: str) -> Finding:
    """A split of which nothing could be read. Without one for tests training goes on."""
    severity: Severity = "warning" if split == "test" else "error"
    costs = "evaluating on it refuses to begin" if split == "test" else _REFUSED
    return Finding(
        "unreadable-split", severity, f"{split}: {problem}", (source,), 1, costs, "mend what the sentence names"
    )
