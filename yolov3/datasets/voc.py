"""Pascal VOC's folders: a list of names per split, an xml and an image per name.

Corners count from 1 and are both inside the box, as the VOC devkit's do: a box (xmin, ymin, xmax, ymax) covers the
pixels' area (xmin - 1, ymin - 1, xmax, ymax); ``data.one_based: false`` is for tools that count from 0. A box without
area is one whose corners, as written, span none. Difficult objects become ignored ones. The xml's ``size`` and
``filename`` are often wrong or missing, so the image is found by the name in the list and measured itself.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
    require_distinct,
)
from yolov3.datasets.dataset import Dataset, some
from yolov3.datasets.label_format import LabelFormat, Split
from yolov3.errors import UserError
from yolov3.files.class_names import published_names
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.images.files import IMAGE_SUFFIXES, read_image_size

LARGEST_XML = 1_000_000  # bytes
_DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class XmlObject:
    """An ``object`` of an annotation: its class's name, its corners as written, whether it is difficult."""

    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class Annotation:
    """What an xml file says: ``size`` (height, width), None where it gives none, and its objects."""

    path: Path
    size: tuple[int, int] | None
    objects: tuple[XmlObject, ...]


def read_voc(data: DataSection, root: Path, split: Split) -> Dataset:
    """The samples of the lists that ``data`` names for ``split``. Raises UserError naming the file."""
    lists = [_list_file(root, text) for text in as_list(getattr(data, split) or split)]
    annotations, paths = [], []
    for file in lists:
        folder = file.parents[2]
        names = _read_list(file)
        require_distinct(names, what="name", source=str(file))
        paths += _find_images(folder / "JPEGImages", names, named_by=file)
        annotations += [read_annotation(folder / "Annotations" / f"{name}.xml") for name in names]
    classes = _classes(data, [file.parents[2] for file in lists], annotations)
    sizes = np.array([read_image_size(path) for path in paths], np.int64).reshape(-1, 2)
    wrong = [
        annotation.path.name
        for annotation, size in zip(annotations, sizes.tolist())
        if annotation.size and list(annotation.size) != size
    ]
    problems = [f"{len(wrong)} xml files give another size than their picture has: {some(wrong)}"] if wrong else []
    objects = _objects(annotations, classes, one_based=data.one_based)
    source = f"VOC, {split}: {', '.join(map(str, lists))}"
    return assemble(Images(paths, sizes, path_ids(paths, root)), objects, classes, source=source, problems=problems)


def recognises(root: Path, given: tuple[str, ...]) -> bool:
    """Whether a folder has VOC's lists, or one of them is named."""
    if any(text.endswith(".json") for text in given):
        return False
    return (root / "ImageSets" / "Main").is_dir() or any("ImageSets" in text for text in given)


def find_split(root: Path, words: tuple[str, ...]) -> str:
    """The list with one of the names."""
    return next((word for word in words if (root / "ImageSets" / "Main" / f"{word}.txt").is_file()), words[0])


def read_annotation(path: Path) -> Annotation:
    """An annotation file. Raises UserError naming what is wrong, and refuses what only an attack would contain."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the annotation cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST_XML:
        raise UserError(f"{path}: {len(content)} bytes; an annotation has at most {LARGEST_XML}")
    if _DECLARATION.search(content):
        raise UserError(f"{path}: holds a DOCTYPE or ENTITY declaration, which an annotation does not need")
    try:
        tree = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{path}: not readable as xml: {error}") from error
    objects = tuple(_read_object(path, node, place) for place, node in enumerate(tree.findall("object")))
    return Annotation(path, _read_size(tree), objects)


def _read_object(path: Path, node: ElementTree.Element, place: int) -> XmlObject:
    name = (node.findtext("name") or "").strip()
    if not name:
        raise UserError(f"{path}: object {place + 1} has no name")
    corners = []
    for corner in _CORNERS:
        text = node.findtext(f"bndbox/{corner}")
        value = _number(text)
        if value is None:
            raise UserError(f"{path}: object {place + 1} ({name}): bndbox/{corner}: found {text!r}, expected a number")
        corners.append(value)
    difficult = (node.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise UserError(f"{path}: object {place + 1} ({name}): difficult: found {difficult!r}, expected 0 or 1")
    return XmlObject(name, (corners[0], corners[1], corners[2], corners[3]), difficult == "1")


def _read_size(tree: ElementTree.Element) -> tuple[int, int] | None:
    height, width = (_number(tree.findtext(f"size/{side}")) for side in ("height", "width"))
    return (int(height), int(width)) if height and width and min(height, width) >= 1 else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _list_file(root: Path, text: str) -> Path:
    """The file of a split: a name in ``root``'s ImageSets/Main, or a path, so that several years go together."""
    file = root / text if text.endswith(".txt") else root / "ImageSets" / "Main" / f"{text}.txt"
    if not file.is_file():
        known = sorted(name.removesuffix(".txt") for name in list_files(file.parent) if name.endswith(".txt"))
        raise UserError(f"{file}: the list of the split does not exist; there are: {some(known) or 'none'}")
    if len(file.resolve().parents) < 4 or file.parent.parent.name != "ImageSets":
        raise UserError(f"{file}: a VOC list lies in FOLDER/ImageSets/Main, beside FOLDER/Annotations")
    return file


def _read_list(file: Path) -> list[str]:
    lines = read_lines(file, what="a list of names", most_bytes=LARGEST_LIST)
    names = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        # The per-class lists of the devkit carry 1, 0 or -1 behind the name; as a split they would mean something else.
        if len(words) > 1 and words[1] in ("-1", "0", "1"):
            raise UserError(f"{file}:{number}: a list of one class (name and 1, 0 or -1), not of a split")
        name = line.strip()
        if "/" in name or "\\" in name or name in (".", ".."):
            raise UserError(f"{file}:{number}: found {name!r}; expected the plain name of a picture without suffix")
        names.append(name)
    return names


def _find_images(folder: Path, names: list[str], *, named_by: Path) -> list[Path]:
    """The image of each name, whatever its suffix; JPEG before others."""
    found: dict[str, str] = {}
    for file in sorted(list_files(folder), reverse=True):
        stem, dot, suffix = file.rpartition(".")
        if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES:
            found[stem] = file if stem not in found or suffix.lower() in ("jpg", "jpeg") else found[stem]
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{named_by}: {len(missing)} of {len(names)} have no picture in {folder}: {some(missing)}")
    return [folder / found[name] for name in names]


def _classes(data: DataSection, folders: list[Path], annotations: list[Annotation]) -> Classes:
    """The named classes; else the devkit's, if those are all there are; else those in all xml files, by name."""
    names = given_names(data)
    if names is not None:
        return _numbered(names)
    used = {item.name for annotation in annotations for item in annotation.objects}
    if used <= set(published_names("voc")):
        return _numbered(published_names("voc"))
    # All files, not this split's, so that training and validation number their classes alike.
    for folder in dict.fromkeys(folders):
        for name in sorted(list_files(folder / "Annotations")):
            if name.endswith(".xml"):
                used.update(item.name for item in read_annotation(folder / "Annotations" / name).objects)
    return _numbered(tuple(sorted(used)))


def _numbered(names: tuple[str, ...]) -> Classes:
    return Classes(names, tuple(range(1, len(names) + 1)))


def _objects(annotations: list[Annotation], classes: Classes, *, one_based: bool) -> Objects:
    label_of = {name: label for label, name in enumerate(classes.names)}
    index, corners, labels, ignore = [], [], [], []
    for place, annotation in enumerate(annotations):
        for item in annotation.objects:
            if item.name not in label_of:
                raise UserError(f"{annotation.path}: unknown class {item.name!r}; data.names has {list(classes.names)}")
            index.append(place)
            corners.append(item.corners)
            labels.append(label_of[item.name])
            ignore.append(item.difficult)
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    if one_based:
        has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes[:, :2] -= has_area[:, None]
    return Objects(
        np.array(index, np.int64),
        boxes,
        np.array(labels, np.int64),
        np.array(ignore, bool),
        np.full(len(boxes), np.nan),
    )


FORMAT = LabelFormat("voc", "ImageSets/Main/*.txt", recognises, find_split, read_voc)
