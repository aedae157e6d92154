"""Class names: files of them, one per line (Darknet's ``.names``, YOLO's ``classes.txt``), and when two mean the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.text import read_lines
from yolov3.watching.printable import quoted

SYNONYMS = {"aeroplane": "airplane", "motorbike": "motorcycle", "sofa": "couch", "tvmonitor": "tv"}
"""Pascal VOC's word (and that of Darknet's coco.names): COCO's word."""

LONGEST_NAME = 1000  # characters
_JOINERS = "\u00a0\u200c\u200d\u3000"  # blanks and joiners that languages are written with, though Python prints none


def class_key(name: str) -> str:
    """Names with one key mean one class: without regard to case, blanks, hyphens and underscores, and to the few words
    that VOC and COCO spell differently."""
    plain = re.sub(r"[\s_-]+", "", name).casefold()
    return SYNONYMS.get(plain, plain)


def class_names(values: object, source: str) -> tuple[str, ...]:
    """The class names that a file holds, whatever kind of file; ``source`` is its name, and where it helps the part of it.
    Raises UserError for what is no list of names: each is a text that can be shown on a line, as terminals, drawings and
    other files want it."""
    if not isinstance(values, list | tuple):
        raise UserError(f"{source}: class names must be a list of texts, found {type(values).__name__}")
    for place, name in enumerate(values):
        fault = fault_of_name(name)
        if fault is not None:
            raise UserError(f"{source}: class {place}: not a class name: {fault}")
    return tuple(values)


def fault_of_name(name: object) -> str | None:
    """Why this is no class name, in words that can be shown; None where it is one."""
    if not isinstance(name, str):
        return f"it is no text but {type(name).__name__}"
    if not name.strip():
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, at most {LONGEST_NAME} are read"
    if not all(character.isprintable() or character in _JOINERS for character in name):
        return "it holds unprintable characters"
    return None


def read_names(path: str | Path) -> tuple[str, ...]:
    """The class names of a ``.names`` file. Blank lines at the end mean nothing; one in between would shift the classes
    and is refused. Raises UserError."""
    path = Path(path)
    names = [line.strip() for line in read_lines(path)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UserError(f"{path}: no class names in it")
    for number, name in enumerate(names, start=1):
        if not name:
            raise UserError(f"{path}:{number}: a blank line among the class names")
        fault = fault_of_name(name)
        if fault is not None:
            raise UserError(f"{path}:{number}: not a class name: {fault}")
    return tuple(names)


def write_names(path: str | Path, names: Iterable[str]) -> None:
    """Write a ``.names`` file. Raises UserError for a name that does not fit on a line, or when it cannot be made."""
    write_text_atomically(Path(path), names_text(names))


def names_text(names: Iterable[str]) -> str:
    """The text of a ``.names`` file. Raises UserError for a name that does not fit on a line."""
    names = tuple(names)
    for name in names:
        if fault_of_name(name) is not None:
            raise UserError(f"class name {quoted(name)} cannot be written to a .names file")
    return "".join(f"{name}\n" for name in names)


@cache
def published_names(data_set: Literal["coco", "voc"]) -> tuple[str, ...]:
    """The classes of a well-known data set: COCO's 80, in the order of the published weights; the twenty of Pascal VOC
    2007 to 2012, in the devkit's order."""
    text = resources.files("yolov3.files").joinpath(f"{data_set}.names").read_text(encoding="utf-8")
    return tuple(text.split("\n")[:-1])
