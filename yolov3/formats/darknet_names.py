"""Darknet's ``.names`` (a class per line) and ``.data`` (where the lists of pictures and the names are)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yolov3.errors import UserError
from yolov3.formats.atomic import write_text_atomically

LARGEST_FILE = 4_000_000  # bytes


@dataclass(frozen=True)
class DarknetData:
    """A ``.data`` file: number of classes, lists of training and validation pictures, file of class names, each None
    where the file does not say. Paths are as written; :meth:`find` looks for one."""

    path: Path
    classes: int | None
    train: str | None
    valid: str | None
    names: str | None

    def find(self, text: str) -> Path:
        """The file or folder meant by a path in it. Darknet reads them from the folder it is started in, usually the
        one above ``cfg/`` or ``data/``: looked for beside the ``.data`` file, in the folder above it, in the current
        one. Raises UserError when it is nowhere."""
        written = Path(text)
        folder = self.path.resolve().parent
        places = [folder / written, folder.parent / written, Path.cwd() / written]
        for place in [written] if written.is_absolute() else places:
            if place.exists():
                return place
        raise UserError(f"{self.path}: {text} was found neither in {folder} nor in {folder.parent} nor here")


def read_names(path: str | Path) -> tuple[str, ...]:
    """The class names of a ``.names`` file. Blank lines at the end mean nothing; one in between would shift the classes
    and is refused. Raises UserError."""
    path = Path(path)
    names = [line.strip() for line in _read_lines(path)]
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


def write_names(path: str | Path, names: Iterable[str]) -> None:
    """Write a ``.names`` file. Raises UserError for a name that does not fit on a line, or when it cannot be made."""
    names = tuple(names)
    for name in names:
        if not name.strip() or not name.isprintable():
            raise UserError(f"class name {name!r} cannot be written to a .names file")
    write_text_atomically(Path(path), "".join(f"{name}\n" for name in names))


def read_data(path: str | Path) -> DarknetData:
    """The content of a ``.data`` file. Keys of training and display are passed over. Raises UserError with the line."""
    path = Path(path)
    values: dict[str, str] = {}
    for number, line in enumerate(_read_lines(path), start=1):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key or not value:
            raise UserError(f"{path}:{number}: expected key = value, found {text[:40]!r}")
        if key == "classes" and not (value.isascii() and value.isdigit() and 1 <= len(value) <= 6):
            raise UserError(f"{path}:{number}: classes must be a whole number, found {value[:40]!r}")
        values.setdefault(key, value)
    if not values:
        raise UserError(f"{path}: no key = value in it: not a Darknet .data file")
    classes = int(values["classes"]) if "classes" in values else None
    valid = values.get("valid", values.get("val"))
    return DarknetData(path, classes, values.get("train"), valid, values.get("names"))


def _read_lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path}: larger than {LARGEST_FILE} bytes: not a list of names")
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8") from error
