"""Pascal VOC's format, written: ``JPEGImages/``, ``Annotations/NAME.xml``, ``ImageSets/Main/PART.txt``.

Corners count from 1 and are both inside, as the devkit's: a box is written (left + 1, top + 1, right, bottom), with the
fractions it has. A box of at most a pixel has no room in these numbers - its corners would coincide - and is made a
little wider. A ``data.yaml`` beside them gives the classes in their order, which the xml files cannot.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from yolov3.datasets.assemble import Classes
from yolov3.datasets.voc_xml import LARGEST_XML
from yolov3.errors import UserError
from yolov3.files.atomic import write_whole
from yolov3.files.strict_yaml import write_yaml
from yolov3.rewriting.label_writer import LabelWriter, Losses, Marks, NamedParts, NamedSample, decimals, plain_text
from yolov3.structures import Sample

HELD = frozenset(("truncated", "pose", "occluded"))

LEAST_SIDE = 1.001
"""Pixels that a side gets at least: corners that count from 1 and coincide span nothing to those who read them."""


def write_voc(folder: Path, parts: NamedParts, classes: Classes) -> None:
    """Write an xml per image, a list per part and the classes. Raises UserError for what an xml cannot hold."""
    for name in ("Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for name in classes.names:
        if name != name.strip() or not name.isprintable():
            raise UserError(f"class name {name!r} cannot be written to an xml file")
    written: set[str] = set()
    for part, samples in parts.items():
        stems = [Path(named.name).stem for named in samples]
        write_whole(folder / "ImageSets" / "Main" / f"{part}.txt", "".join(f"{stem}\n" for stem in stems).encode())
        for stem, named in zip(stems, samples):
            if stem not in written:
                _write_xml(folder / "Annotations" / f"{stem}.xml", named, classes)
                written.add(stem)
    settings = {"root": ".", "format": "voc", "names": list(classes.names)}
    write_whole(folder / "data.yaml", write_yaml(settings).encode())


def _write_xml(path: Path, named: NamedSample, classes: Classes) -> None:
    root = ElementTree.Element("annotation")
    height, width = named.sample.size
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", named.name)
    size = ElementTree.SubElement(root, "size")
    for side, length in (("width", width), ("height", height), ("depth", 3)):
        _add(size, side, str(length))
    _add(root, "segmented", "0")
    sample = named.sample
    marks: Sequence[Marks] = named.marks or [Marks()] * len(sample.labels)
    for box, label, difficult, mark in zip(sample.boxes, sample.labels.tolist(), sample.ignore, marks, strict=True):
        node = ElementTree.SubElement(root, "object")
        words = (classes.names[label], mark.pose, mark.truncated, mark.occluded, str(int(difficult)))
        for tag, text in zip(("name", "pose", "truncated", "occluded", "difficult"), words):
            if text is not None:
                _add(node, tag, text)
        corners = ElementTree.SubElement(node, "bndbox")
        for tag, number in zip(("xmin", "ymin", "xmax", "ymax"), _corners(box)):
            _add(corners, tag, plain_text(number))
    ElementTree.indent(root, "\t")
    text = ElementTree.tostring(root, encoding="utf-8") + b"\n"
    if len(text) > LARGEST_XML:
        raise UserError(
            f"{sample.path}: {len(sample.labels)} objects; their xml would be larger than {LARGEST_XML} bytes"
        )
    write_whole(path, text)


def _corners(box: np.ndarray) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    left, top, right, bottom = decimals(box)
    least = Decimal(str(LEAST_SIDE))  # held against what the image's edge cut off again
    return left + 1, top + 1, max(right, left + least), max(bottom, top + least)


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _hold(sample: Sample, ignored: str, losses: Losses) -> Sample:
    if ignored != "difficult object":
        losses[ignored, "written as difficult"] += int(sample.ignore.sum())
    height, width = sample.size
    boxes = sample.boxes.astype(np.float64)
    wide = np.maximum(boxes[:, 2:], np.minimum(boxes[:, :2] + LEAST_SIDE, (width, height)))
    losses["box", "of at most a pixel in width or height made wider, as corners that count from 1 need"] += int(
        (boxes[:, 2:] - boxes[:, :2] < LEAST_SIDE).any(axis=1).sum()
    )
    return replace(sample, boxes=np.concatenate((boxes[:, :2], wide), axis=1).astype(np.float32))


WRITER = LabelWriter("VOC's xml", lambda part: "JPEGImages", is_shared=True, hold=_hold, write=write_voc, marks=HELD)
