"""The annotations of Pascal VOC: the xml files of images, which is whose, and what one says."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.files.plain_xml import DeclarationFault, XmlFault, parse_xml
from yolov3.files.reading import read_bytes
from yolov3.watching.printable import quoted, shortened
from yolov3.watching.words import some

LARGEST_XML = 1_000_000  # bytes
LARGEST_SIDE = 2**31 - 1  # pixels; larger ones are as wrong as this
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


class XmlFiles:
    """The annotations of a tree by the names of their images, found when they are first asked for."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._by_stem: dict[str, list[Path]] | None = None

    def all(self) -> list[Path]:
        """All of them."""
        return [path for paths in self._table().values() for path in paths]

    def of(self, image: Path) -> Path | None:
        """The annotation of an image: beside it, else the one of its name whose folders are most like its own. None when
        there is none. Raises UserError when it cannot be told."""
        beside = image.with_suffix(".xml")
        named = self._table().get(image.stem, [])
        if beside in named or len(named) < 2:
            return beside if beside in named else next(iter(named), None)
        alike = [_common_folders(image, path) for path in named]
        best = [path for path, count in zip(named, alike) if count == max(alike)]
        if len(best) > 1:
            raise UserError(f"{image}: which annotation is its own? There are {some(best)}")
        return best[0]

    def _table(self) -> dict[str, list[Path]]:
        if self._by_stem is None:
            self._by_stem = defaultdict(list)
            for path in self.tree.everything:
                if path.suffix.lower() == ".xml":
                    self._by_stem[path.stem].append(self.tree.root / path)
        return self._by_stem


def read_annotation(path: Path) -> Annotation:
    """An annotation file. Raises UserError naming what is wrong, and refuses what only an attack would contain."""
    content = read_bytes(path, most=LARGEST_XML, what="an annotation")
    try:
        tree = parse_xml(content)
    except DeclarationFault as error:
        raise UserError(f"{path}: {error}, which an annotation does not need") from error
    except XmlFault as error:
        raise UserError(f"{path}: not readable as xml: {error}") from error
    objects = tuple(_read_object(path, node, place) for place, node in enumerate(tree.findall("object")))
    return Annotation(path, _read_size(tree), objects)


def _read_object(path: Path, node: ElementTree.Element, place: int) -> XmlObject:
    name = (node.findtext("name") or "").strip()
    if not name:
        raise UserError(f"{path}: object {place + 1} has no name")
    where = f"{path}: object {place + 1} ({shortened(name)})"
    corners = []
    for corner in _CORNERS:
        text = node.findtext(f"bndbox/{corner}")
        value = _number(text)
        if value is None:
            raise UserError(f"{where}: bndbox/{corner}: found {quoted(text)}, expected a number")
        corners.append(value)
    difficult = (node.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise UserError(f"{where}: difficult: found {quoted(difficult)}, expected 0 or 1")
    return XmlObject(name, (corners[0], corners[1], corners[2], corners[3]), difficult == "1")


def _read_size(tree: ElementTree.Element) -> tuple[int, int] | None:
    height, width = (_number(tree.findtext(f"size/{side}")) for side in ("height", "width"))
    if not (height and width and min(height, width) >= 1):
        return None
    return (int(min(height, LARGEST_SIDE)), int(min(width, LARGEST_SIDE)))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _common_folders(image: Path, xml: Path) -> int:
    return len({part.lower() for part in image.parts[:-1]} & {part.lower() for part in xml.parts[:-1]})
