"""Darknet's ``.names`` as it is written beside weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from yolov3.errors import UserError
from yolov3.formats.atomic import write_text_atomically


def write_names(path: str | Path, names: Iterable[str]) -> None:
    """Write a ``.names`` file. Raises UserError for a name that does not fit on a line, or when it cannot be made."""
    names = tuple(names)
    for name in names:
        if not name.strip() or not name.isprintable():
            raise UserError(f"class name {name!r} cannot be written to a .names file")
    write_text_atomically(Path(path), "".join(f"{name}\n" for name in names))
