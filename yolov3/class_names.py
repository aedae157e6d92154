"""Class names: files of them, one per line (Darknet's ``.names``, YOLO's ``classes.txt``), and when two mean the same."""

from __future__ import annotations

import re
from pathlib import Path

from yolov3.errors import UserError

LARGEST_FILE = 4_000_000  # bytes

SYNONYMS = {"aeroplane": "airplane", "motorbike": "motorcycle", "sofa": "couch", "tvmonitor": "tv"}
"""Pascal VOC's word (and that of Darknet's coco.names): COCO's word."""


def class_key(name: str) -> str:
    """Names with one key mean one class: without regard to case, blanks, hyphens and underscores, and to the few words
    that VOC and COCO spell differently."""
    plain = re.sub(r"[\s_-]+", "", name).casefold()
    return SYNONYMS.get(plain, plain)


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
        if not name.isprintable():
            raise UserError(f"{path}:{number}: not a class name: it holds unprintable characters")
    return tuple(names)


def read_lines(path: Path) -> list[str]:
    """The lines of a small text file in UTF-8, with or without a byte order mark. Raises UserError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path}: larger than {LARGEST_FILE} bytes: not a list")
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8") from error
