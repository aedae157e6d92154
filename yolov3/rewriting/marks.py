"""What files say of their objects that samples do not: VOC's whether one is cut off or partly hidden, and its pose; COCO's
their outlines, as polygons or run lengths."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.boxes import clip_boxes, xywh_to_xyxy
from yolov3.datasets.coco_json import read_coco_json
from yolov3.datasets.voc_xml import XmlFiles, read_annotation
from yolov3.rewriting.label_writer import Marks
from yolov3.structures import Sample

Rows = Mapping[Any, list[tuple[int, list[float], str | None]]]
"""For each image's id its annotations, in their order: category, xywh box, outline as a text of json."""


def read_marks(sample: Sample, names: tuple[str, ...], xml_files: XmlFiles, *, one_based: bool) -> tuple[Marks, ...]:
    """The marks of a sample's objects, in their order. What the reader dropped has no place there, so the objects of the file
    are told by their class and their box. Raises UserError."""
    path = xml_files.of(sample.path)
    if path is None:
        return ()
    annotation = read_annotation(path)  # refuses what the standard parser should not see
    nodes = ElementTree.fromstring(path.read_bytes()).findall("object")
    marks: list[Marks] = []
    for item, node in zip(annotation.objects, nodes, strict=True):
        place = len(marks)
        if place == len(sample.labels) or names[sample.labels[place]] != item.name:
            continue
        box = np.array(item.corners) - (np.array((1, 1, 0, 0)) if one_based else 0)
        if np.array_equal(clip_boxes(box, sample.size).astype(np.float32), sample.boxes[place]):
            hidden = node.findtext("occluded")
            marks.append(
                Marks(
                    truncated=_flag(node.findtext("truncated")),
                    pose=(node.findtext("pose") or "").strip() or "Unspecified",
                    occluded=None if hidden is None else _flag(hidden),
                )
            )
    return tuple(marks) if len(marks) == len(sample.labels) else ()


def _flag(text: str | None) -> str:
    return "1" if (text or "").strip() == "1" else "0"


def read_outlines(file: Path) -> Rows:
    """The annotations of a file that a data set was read from. Raises UserError."""
    rows = defaultdict(list)
    for entry in read_coco_json(file, keep_outlines=True).annotations:
        rows[entry["image_id"]].append((entry["category_id"], entry["bbox"], entry.get("segmentation")))
    return rows


def outline_marks(sample: Sample, category_ids: tuple[int, ...], rows: Rows) -> tuple[Marks, ...]:
    """The marks of a sample's objects, in their order. What the reader dropped has no place there, so the annotations are
    told by their class and their box."""
    marks: list[Marks] = []
    for category, box, outline in rows.get(sample.image_id, ()):
        place = len(marks)
        if place == len(sample.labels) or category_ids[sample.labels[place]] != category:
            continue
        corners = clip_boxes(xywh_to_xyxy(np.array(box, np.float64)), sample.size)
        if np.array_equal(corners.astype(np.float32), sample.boxes[place]):
            marks.append(Marks(outline=outline))
    return tuple(marks) if len(marks) == len(sample.labels) else ()
