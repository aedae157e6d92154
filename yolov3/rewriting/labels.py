"""What a model found in images, written as labels for people to correct, in any format that is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolov3.datasets.assemble import Classes, Images, Objects, assemble, path_ids
from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.images.files import read_image_size
from yolov3.rewriting.options import FORMAT_NAMES, FormatName
from yolov3.rewriting.writing import Content, WrittenData, write_data
from yolov3.rewriting.yolo_files import UNDIVIDED
from yolov3.watching.watcher import Watcher


def write_labels(
    detections: Sequence[Detections],
    out: str | Path,
    to: FormatName,
    *,
    copy: bool = False,
    watcher: Watcher | None = None,
) -> WrittenData:
    """Write the detections of images as a data set that is not divided, into a new or empty folder: ``to`` coco, voc or yolo.

    Scores have no place in labels: drop what is not worth correcting before. Images are the files that the detections
    come from, linked to or copied. Raises UserError for detections without such a file, or of different classes.
    """
    if to not in FORMAT_NAMES:
        raise UserError(f"to: found {to!r}; allowed: {', '.join(FORMAT_NAMES)}")
    if not detections:
        raise UserError("no detections to write")
    names = detections[0].names
    paths = []
    for found in detections:
        if found.source is None or not Path(found.source).is_file():
            raise UserError(f"{found.source or 'detections without a source'}: not an image file, so labels have none")
        if found.names != names:
            raise UserError(
                f"{found.source}: its detections are of the classes {list(found.names)}, others {list(names)}"
            )
        paths.append(Path(found.source))
    sizes = np.array([found.image_size or read_image_size(path) for found, path in zip(detections, paths)], np.int64)
    counts = [len(found) for found in detections]
    boxes = np.concatenate([found.boxes.numpy(force=True) for found in detections]).astype(np.float64).reshape(-1, 4)
    labels = np.concatenate([found.labels.numpy(force=True) for found in detections]).astype(np.int64)
    if len(labels) and labels.max() >= len(names):
        raise UserError(f"class {labels.max()} has no name; there are {len(names)}")
    objects = Objects(
        np.repeat(np.arange(len(paths)), counts), boxes, labels, np.zeros(len(boxes), bool), np.full(len(boxes), np.nan)
    )
    images = Images(paths, sizes, path_ids(paths, Path()))
    classes = Classes(names, tuple(range(1, len(names) + 1)))
    dataset = assemble(images, objects, classes, source="detections", problems=())
    return write_data(Content({UNDIVIDED: dataset}), to, Path(out).absolute(), copy=copy, watcher=watcher or Watcher())
