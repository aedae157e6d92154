"""COCO's format, written: ``annotations/instances_PART.json`` and ``images/PART/``.

Corners are written as the shortest decimals that mean them, and widths as their differences, so that numbers a person
once wrote come out again. Areas and outlines are those of the data set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolov3.datasets.assemble import Classes
from yolov3.files.atomic import write_whole
from yolov3.rewriting.label_writer import LabelWriter, Losses, Marks, NamedParts, NamedSample, decimals
from yolov3.structures import Sample


def write_coco(folder: Path, parts: NamedParts, classes: Classes) -> None:
    """Write a json per part. Ids of images stay where they are whole numbers, else they count from 1; ids of annotations
    count from 1 through all parts."""
    (folder / "annotations").mkdir()
    keeps_ids = all(type(named.sample.image_id) is int for part in parts.values() for named in part)
    categories = [
        {"id": number, "name": name} for number, name in zip(classes.category_ids, classes.names, strict=True)
    ]
    next_image, next_annotation = 1, 1
    for part, samples in parts.items():
        images, annotations = [], []
        for named in samples:
            image_id = named.sample.image_id if keeps_ids else next_image
            height, width = named.sample.size
            images.append({"id": image_id, "file_name": named.name, "width": width, "height": height})
            rows = _annotations(named, classes)
            annotations += [
                _text({"id": next_annotation + n, "image_id": image_id, **row}, outline)
                for n, (row, outline) in enumerate(rows)
            ]
            next_image, next_annotation = next_image + 1, next_annotation + len(rows)
        text = (
            f'{{"images": {json.dumps(images)}, "annotations": [{", ".join(annotations)}], '
            f'"categories": {json.dumps(categories)}}}'
        )
        write_whole(folder / "annotations" / f"instances_{part}.json", text.encode())


def _annotations(named: NamedSample, classes: Classes) -> list[tuple[dict[str, Any], str]]:
    """The objects of an image, and the outline of each as a text of json."""
    sample, rows = named.sample, []
    areas = decimals(sample.areas)
    marks: Sequence[Marks] = named.marks or [Marks()] * len(areas)
    flat = zip(sample.boxes, sample.labels.tolist(), sample.ignore.tolist(), areas, marks, strict=True)
    for box, label, ignore, area, mark in flat:
        left, top, right, bottom = decimals(box)
        row = {
            "category_id": classes.category_ids[label],
            "bbox": [float(number) for number in (left, top, right - left, bottom - top)],
            "area": float(area),
            "iscrowd": int(ignore),
        }
        rows.append((row, mark.outline or "[]"))
    return rows


def _text(row: dict[str, Any], outline: str) -> str:
    # Outlines are most of a file: they are carried as texts, never taken apart.
    return f'{json.dumps(row)[:-1]}, "segmentation": {outline}}}'


def _hold(sample: Sample, ignored: str, losses: Losses) -> Sample:
    if ignored != "crowd region":
        losses[ignored, "written as crowds, which COCO's metric passes over by a rule of its own"] += int(
            sample.ignore.sum()
        )
    return sample


WRITER = LabelWriter(
    "COCO's json", lambda part: f"images/{part}", is_shared=False, hold=_hold, write=write_coco,
    marks=frozenset(("outline",)),
)  # fmt: skip
