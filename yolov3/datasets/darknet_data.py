"""Darknet's ``.data``: where the lists of images and the class names are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.reading import is_there
from yolov3.files.text import read_lines
from yolov3.watching.printable import quoted


@dataclass(frozen=True)
class DarknetData:
    """A ``.data`` file: number of classes, lists of training and validation images, file of class names, folder of
    weights, each None where the file does not say. Paths are as written; :meth:`find` looks for one."""

    path: Path
    classes: int | None
    train: str | None
    valid: str | None
    names: str | None
    backup: str | None

    def find(self, text: str) -> Path:
        """The file or folder meant by a path in it. Darknet reads them from the folder it is started in, usually the
        one above ``cfg/`` or ``data/``: looked for beside the ``.data`` file, in the folder above it, in the current
        one. Raises UserError when it is nowhere."""
        written = Path(text)
        folder = self.path.resolve().parent
        places = [folder / written, folder.parent / written, Path.cwd() / written]
        for place in [written] if written.is_absolute() else places:
            if is_there(place):
                return place
        raise UserError(f"{self.path}: {text} was found neither in {folder} nor in {folder.parent} nor here")


def read_data(path: str | Path) -> DarknetData:
    """The content of a ``.data`` file. Keys of training and display are passed over. Raises UserError with the line."""
    path = Path(path)
    values: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key or not value:
            raise UserError(f"{path}:{number}: expected key = value, found {quoted(text, 40)}")
        if key == "classes" and not (value.isascii() and value.isdigit() and 1 <= len(value) <= 6):
            raise UserError(f"{path}:{number}: classes must be a whole number, found {quoted(value, 40)}")
        values.setdefault(key, value)
    if not values:
        raise UserError(f"{path}: no key = value in it: not a Darknet .data file")
    classes = int(values["classes"]) if "classes" in values else None
    valid = values.get("valid", values.get("val"))
    return DarknetData(path, classes, values.get("train"), valid, values.get("names"), values.get("backup"))
