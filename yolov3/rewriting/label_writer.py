"""What a written format has to say for itself, and what travels to it: samples with the names their images get.

``Sample.ignore`` marks what is neither to be learned nor to be punished: crowds where the data came from COCO, difficult
objects where they came from VOC. A format that has the other mark takes that; one that has none leaves the object out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from yolov3.datasets.assemble import Classes
from yolov3.structures import Sample

Losses = Counter[tuple[str, str]]
"""What could not be held: how often, of a noun and what became of it."""


@dataclass(frozen=True)
class Marks:
    """What a file says of an object beyond its box. VOC's: whether it is cut off, whether something hides a part of it
    (``0`` or ``1``; None: nobody said), and its pose. COCO's: its ``outline``, a text of json."""

    truncated: str = "0"
    pose: str = "Unspecified"
    occluded: str | None = None
    outline: str | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """The names of those that say something."""
        nothing = (None, "0", "Unspecified")
        return tuple(mark for mark in MARKS if getattr(self, mark) not in nothing)


MARKS = {
    "truncated": ("truncated object", "written without that mark"),
    "pose": ("pose", "left out"),
    "occluded": ("occluded object", "written without that mark"),
    "outline": ("outline", "left out, their boxes stay"),
}
"""The marks, each as a noun, and what becomes of it in a format that cannot hold it."""


ReadMarks = Callable[[str, Sample], tuple[Marks, ...]]
"""The marks of the objects of a part's sample, in their order; none where nobody says any."""


@dataclass(frozen=True)
class NamedSample:
    """A sample as its new format holds it, the ``name`` of its image there, and the marks of its objects (none: nobody
    said)."""

    sample: Sample
    name: str
    marks: tuple[Marks, ...] = ()


NamedParts = Mapping[str, Sequence[NamedSample]]
"""The samples of each part, by its name: train, val, test, or default where the data is not divided."""


@dataclass(frozen=True)
class LabelWriter:
    """A format that is written, ``title`` in words.

    ``image_folder(part)``: where the images of a part lie. ``is_shared``: all parts have one folder, so that names must be
    distinct over all of them. ``hold(sample, ignored, losses)``: the sample as this format can hold it, what is lost being
    counted; ``ignored`` is the noun for its ignored objects. ``marks``: those of :data:`MARKS` that it has.
    ``write(folder, parts, classes)``: the files of labels.
    """

    title: str
    image_folder: Callable[[str], str]
    is_shared: bool
    hold: Callable[[Sample, str, Losses], Sample]
    write: Callable[[Path, NamedParts, Classes], None]
    marks: frozenset[str] = frozenset()


def decimals(values: np.ndarray) -> list[Decimal]:
    """float32 numbers (N,) as the shortest decimals that mean them: what people wrote before it became binary."""
    return [Decimal(str(value)) for value in values]


def plain_text(number: Decimal) -> str:
    """A decimal without an exponent, a whole number without a point."""
    return format(number.normalize(), "f")
