"""What xml files of VOC's say of their objects that samples do not: whether one is cut off or partly hidden, and
its pose."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np

from yolov3.boxes import clip_boxes
from yolov3.datasets.voc_xml import XmlFiles, read_annotation
from yolov3.rewriting.label_writer import Marks
from yolov3.structures import Sample


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
