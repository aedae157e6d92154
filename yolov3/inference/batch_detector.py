"""A detector for frameworks that send tables through many machines: columns in, columns out, and no row ends the work.

Ray Data's ``map_batches`` takes the class as it is: each actor makes one, with the model in its memory, and calls it with the
batches that it gets. Nothing here knows Ray; whatever hands over columns as arrays or lists can use it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.images.files import decode_image
from yolov3.images.given import image_of
from yolov3.inference.detector import Detector
from yolov3.inference.options import DetectorChanges
from yolov3.watching.printable import printable

Columns = Mapping[str, Sequence[Any] | np.ndarray]

GIVEN = ("image", "bytes", "path")
"""The columns in which images may come, in the order in which they are looked for."""


class BatchDetector:
    """``BatchDetector("best.pt", confidence=0.4)({"bytes": [...], "path": [...]})``: ``changes`` are fields of
    :class:`yolov3.inference.options.DetectorOptions`.

    A row's image is its ``image``, an (H, W, 3) uint8 RGB array, or the ``bytes`` of a file, or the file at its ``path``. The
    answer has the ``path`` of each row where there was one, its ``width`` and ``height``, of what was found the ``boxes`` (a
    list of [left, top, right, bottom] in pixels), ``scores``, ``labels`` (numbers of classes) and ``names``, best first, and
    a ``problem``: empty, or why a row's image cannot be used, which then has no boxes and the size 0.
    """

    def __init__(self, weights: str | Path, **changes: Unpack[DetectorChanges]) -> None:
        self.detector = Detector(weights, **changes)

    def __call__(self, batch: Columns) -> dict[str, list[Any]]:
        """The columns of the answer. Raises UserError where no column holds images."""
        column = next((name for name in GIVEN if name in batch), None)
        if column is None:
            raise UserError(f"a batch needs one of the columns {', '.join(GIVEN)}, found {', '.join(map(str, batch))}")
        paths = [str(path) for path in batch["path"]] if "path" in batch else None
        images: list[np.ndarray] = []
        problems: list[str] = []
        for given, called in zip(batch[column], paths or itertools.repeat("the bytes of an image")):
            try:
                images.append(_image_of(given, called))
                problems.append("")
            except UserError as error:
                problems.append(printable(str(error)))
        found = iter(self.detector.detect_batch(images)) if images else iter(())
        rows = [None if problem else next(found) for problem in problems]
        return {**({"path": paths} if paths is not None else {}), **_columns(rows), "problem": problems}


def _image_of(given: Any, called: str) -> np.ndarray:
    plain = given.item() if isinstance(given, np.generic) else given  # frameworks hand over texts and bytes as numpy's
    return decode_image(bytes(plain), called) if isinstance(plain, bytes | bytearray | memoryview) else image_of(plain)


def _columns(rows: Sequence[Detections | None]) -> dict[str, list[Any]]:
    known = [Detections.empty() if row is None else row.cpu() for row in rows]
    sizes = [row.image_size or (0, 0) for row in known]
    return {
        "width": [width for _, width in sizes],
        "height": [height for height, _ in sizes],
        "boxes": [row.boxes.tolist() for row in known],
        "scores": [row.scores.tolist() for row in known],
        "labels": [row.labels.tolist() for row in known],
        "names": [[row.name_of(label) for label in row.labels.tolist()] for row in known],
    }
