"""Darknet's and YOLO's text labels: for each image a file of lines ``class cx cy w h``, in shares of the image.

The label file of ``.../images/x.jpg`` is ``.../labels/x.txt`` (the last folder called ``images`` or, for VOC in
Darknet's way, ``JPEGImages`` is exchanged), else ``x.txt`` beside the image. A missing or empty file means an image
without objects. Lines are taken strictly: what cannot be meant is refused with its file and line.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from yolov3.boxes import cxcywh_to_xyxy
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import (
    Classes,
    Images,
    Objects,
    as_list,
    assemble,
    given_names,
    list_files,
    path_ids,
    require_images,
)
from yolov3.datasets.dataset import Dataset, some
from yolov3.datasets.label_format import LabelFormat, Split
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.images.files import IMAGE_SUFFIXES, read_image_size

LARGEST_COORDINATE = 10.0  # shares of the image; above this they are pixels, not shares
IMAGE_FOLDERS = ("images", "JPEGImages")
LABEL_FOLDER = "labels"


def read_yolo(data: DataSection, root: Path, split: Split) -> Dataset:
    """The samples of the folders or lists that ``data`` names for ``split``. Raises UserError naming file and line."""
    given = getattr(data, split)
    if given is None:
        raise UserError(f"{root}: no data.{split} is given and no folder of {split} pictures was found")
    paths: list[Path] = []
    for text in as_list(given):
        paths += _list_images(root, text)
    paths = list(dict.fromkeys(paths))
    classes = _classes(data, root)
    labels = [label_path(path) for path in paths]
    listings = {folder: list_files(folder) for folder in {path.parent for path in labels}}
    sizes = np.array([read_image_size(path) for path in paths], np.int64).reshape(-1, 2)
    index, rows = [], []
    unlabelled = []
    for place, path in enumerate(labels):
        if path.name not in listings[path.parent]:
            unlabelled.append(paths[place].name)
            continue
        for row in read_label_file(path, num_classes=len(classes.names)):
            index.append(place)
            rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = _to_pixels(table[:, 1:], sizes[index] if index else np.zeros((0, 2)))
    objects = Objects(
        np.array(index, np.int64),
        boxes,
        table[:, 0].astype(np.int64),
        np.zeros(len(boxes), bool),
        np.full(len(boxes), np.nan),
    )
    problems = []
    if unlabelled:
        problems.append(f"{len(unlabelled)} pictures have no label file, taken as without objects: {some(unlabelled)}")
    source = f"YOLO, {split}: {', '.join(as_list(given))} in {root}"
    return assemble(Images(paths, sizes, path_ids(paths, root)), objects, classes, source=source, problems=problems)


def recognises(root: Path, given: tuple[str, ...]) -> bool:
    """Whether a folder looks like YOLO's, or anything is named: whatever else it is, the others have been asked."""
    return bool(given) or any((root / name).is_dir() for name in ("images", "labels", "train"))


def find_split(root: Path, words: tuple[str, ...]) -> str | None:
    """The folder or the list with one of the names."""
    places = [place for word in words for place in (f"images/{word}", f"{word}/images", f"{word}.txt", word)]
    return next((place for place in places if (root / place).exists()), None)


def label_path(image: Path) -> Path:
    """Where the labels of an image are looked for."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] in IMAGE_FOLDERS:
            parts[place] = LABEL_FOLDER
            return Path(*parts).with_suffix(".txt")
    return image.with_suffix(".txt")


def read_label_file(path: Path, *, num_classes: int) -> list[tuple[float, ...]]:
    """The rows (class, cx, cy, w, h) of a label file. Raises UserError with the line."""
    rows = []
    for number, line in enumerate(read_lines(path, what="labels"), start=1):
        words = line.split()
        if words:
            rows.append(_read_row(f"{path}:{number}", words, num_classes))
    return rows


def _read_row(where: str, words: list[str], num_classes: int) -> tuple[float, ...]:
    if len(words) != 5:
        hint = "; outlines of segmentations are not read" if len(words) > 6 else ""
        raise UserError(f"{where}: found {len(words)} columns, expected 5: class cx cy w h{hint}")
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        raise UserError(f"{where}: found {' '.join(words)[:80]!r}, expected five numbers: class cx cy w h") from None
    if not all(map(math.isfinite, values)):
        raise UserError(f"{where}: found {' '.join(words)[:80]!r}; the numbers must be finite")
    if values[0] != int(values[0]) or not 0 <= values[0] < num_classes:
        raise UserError(f"{where}: class {words[0]}; there are {num_classes} classes, numbered 0 to {num_classes - 1}")
    if max(map(abs, values[1:])) > LARGEST_COORDINATE:
        raise UserError(
            f"{where}: found {' '.join(words[1:])}; coordinates are shares of the picture (0 to 1), not pixels"
        )
    return values


def _to_pixels(shares: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(M, 4) centre and size in shares of images of ``sizes`` (M, 2) to (M, 4) xyxy pixels."""
    lengths = sizes[:, ::-1].astype(np.float64)
    return cxcywh_to_xyxy(shares * np.tile(lengths, 2))


def _list_images(root: Path, text: str) -> list[Path]:
    place = root / text
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        if not found:
            raise UserError(f"{place}: no pictures in this folder")
        return found
    if not place.is_file():
        raise UserError(f"{place}: neither a folder of pictures nor a list of them")
    return _read_list(place, root)


def _read_list(file: Path, root: Path) -> list[Path]:
    """The images of a list file. A relative path counts from the list's folder when it begins with ``./``, as YOLO's
    do; else from where it is found: the data set's root, the list's folder or the current one, as Darknet's do."""
    lines = read_lines(file, what="a list of pictures", most_bytes=LARGEST_LIST)
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"{file}: lists no pictures")
    places = (file.parent,) if names[0].startswith("./") else (root, file.parent, Path())
    # Asked for the first one only: a file list is made by one program, with one rule.
    base = next((place for place in places if (place / names[0]).is_file()), places[0])
    paths = [base / name for name in names]
    require_images(paths, named_by=str(file))
    return paths


def _classes(data: DataSection, root: Path) -> Classes:
    names = given_names(data) or _names_beside(root)
    return Classes(names, tuple(range(len(names))))


def _names_beside(root: Path) -> tuple[str, ...]:
    """The names in ``classes.txt`` or the one ``.names`` file of the data set's folder."""
    files = sorted(name for name in list_files(root) if name == "classes.txt" or name.endswith(".names"))
    if len(files) != 1:
        raise UserError(
            f"{root}: the classes have no names; give data.names (in a data YAML), or one classes.txt or .names file here"
        )
    return read_names(root / files[0])


FORMAT = LabelFormat("yolo", "images/ and labels/", recognises, find_split, read_yolo)
