"""YOLO's format, written: ``images/PART/``, ``labels/PART/NAME.txt`` with lines ``class cx cy w h``, and a ``data.yaml`` with
the widespread keys. Shares have twelve digits: less than a millionth of a pixel in the largest image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.datasets.assemble import Classes
from yolov3.files.atomic import write_whole
from yolov3.files.strict_yaml import write_yaml
from yolov3.rewriting.label_writer import LabelWriter, Losses, NamedParts
from yolov3.structures import Sample

UNDIVIDED = "default"


def write_yolo(folder: Path, parts: NamedParts, classes: Classes) -> None:
    """Write a file of labels per image, empty for one without objects, and the data YAML."""
    for part, samples in parts.items():
        place = folder / image_folder(part).replace("images", "labels", 1)
        place.mkdir(parents=True)
        for named in samples:
            write_whole((place / named.name).with_suffix(".txt"), _lines(named.sample).encode())
    settings: dict[str, Any] = {part: image_folder(part) for part in parts if part != UNDIVIDED}
    settings |= {"nc": len(classes.names), "names": dict(enumerate(classes.names))}
    write_whole(folder / "data.yaml", write_yaml(settings).encode())


def image_folder(part: str) -> str:
    """Where the images of a part lie; those of an undivided data set right in images/."""
    return "images" if part == UNDIVIDED else f"images/{part}"


def _lines(sample: Sample) -> str:
    height, width = sample.size
    shares = xyxy_to_cxcywh(sample.boxes.astype(np.float64)) / (width, height, width, height)
    rows = zip(sample.labels.tolist(), shares.tolist())
    return "".join(f"{label} {' '.join(f'{share:.12g}' for share in row)}\n" for label, row in rows)


def _hold(sample: Sample, ignored: str, losses: Losses) -> Sample:
    losses[ignored, "left out: YOLO's labels cannot say that something is to be passed over"] += int(
        sample.ignore.sum()
    )
    kept = ~sample.ignore
    return replace(
        sample,
        boxes=sample.boxes[kept],
        labels=sample.labels[kept],
        ignore=sample.ignore[kept],
        areas=sample.areas[kept],
    )


WRITER = LabelWriter("YOLO's text", image_folder, is_shared=False, hold=_hold, write=write_yolo)
