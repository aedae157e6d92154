"""What a page shows, in its order, and the page itself: one HTML file that fetches nothing.

The template only writes down; whatever needs a decision was decided by whoever filled these records. All text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolov3.reporting.charts import with_own_names

TEMPLATES = Path(__file__).parent


@dataclass(frozen=True)
class Tile:
    """A number one looks for first: ``value`` and below it a ``note``, such as its interval."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Point:
    """Something that was found, and what to do; ``link`` is the place in the page that shows it."""

    text: str
    advice: str = ""
    link: str = ""


@dataclass(frozen=True)
class Chart:
    """An SVG of :mod:`yolov3.reporting.charts`, what it shows, and the same in words for who does not see it."""

    title: str
    svg: str
    words: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a ``head``; the first column is text, the others numbers as they are to be shown."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True)
class Cell:
    """A count of a matrix: ``share`` in [0, 1] of its row, ``right`` on the diagonal, ``link`` to what it stands for."""

    count: int
    share: float
    right: bool = False
    link: str = ""


@dataclass(frozen=True)
class Matrix:
    """Counts (rows, columns) under the names of both."""

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


@dataclass(frozen=True)
class Picture:
    """A picture: its ``address`` (``data:``; empty where the image is gone), the image's name and words on what is seen; a
    ``wide`` one is as wide as the page."""

    address: str
    name: str
    words: str
    wide: bool = False


@dataclass(frozen=True)
class Gallery:
    """Pictures under a title, at the place ``name`` of the page."""

    name: str
    title: str
    lead: str
    pictures: Sequence[Picture]


Part = Chart | Table | Matrix | Gallery


@dataclass(frozen=True)
class Section:
    """A part of the page at the place ``name``: a ``lead`` that says how to read it, and what it shows."""

    name: str
    title: str
    lead: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """The whole: what it is about, the first numbers, what was found, and the sections."""

    title: str
    about: str
    tiles: Sequence[Tile]
    points: Sequence[Point]
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda part: type(part).__name__
    environment.filters["named"] = with_own_names
    return environment.get_template("page.html.j2").render(page=page)


def place_name(*words: object) -> str:
    """The name of a place in a page, made of letters, digits and strokes, such as "cell-3-4"."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(map(str, words)).lower()).strip("-")
