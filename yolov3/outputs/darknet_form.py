"""Detections as Darknet gives them: the objects of its ``-out`` file and of its json stream, and the lines of its
``-ext_output``.

Source: ``detection_to_json`` and ``draw_detections_v3`` of AlexeyAB's Darknet. Frames count from 1, coordinates are shares of
the image, and classes whose names begin with ``dont_show`` are not told, as there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.outputs.output import Output, Result, Row, printable
from yolov3.watching.printable import printable as shown

DECIMALS = 6
HIDDEN = "dont_show"


def plain_as_darknet(result: Result, frame_id: int) -> dict[str, Any]:
    """The object of a frame, the ``frame_id``-th of all, as plain values."""
    rows = _shown(result)
    return {
        "frame_id": frame_id,
        "filename": printable(result.frame.source),
        "objects": [
            {
                "class_id": label,
                "name": printable(result.detections.name_of(label)),
                "relative_coordinates": dict(zip(("center_x", "center_y", "width", "height"), shares)),
                "confidence": round(score, DECIMALS),
            }
            for (_, score, label), shares in zip(rows, _shares(rows, result))
        ],
    }


def lines_as_darknet(result: Result) -> list[str]:
    """What Darknet prints of an image with ``-ext_output``: how long it took, and its objects from left to right, of each
    the best class with its place, then the others."""
    took = sum(result.detections.times.get(stage, 0.0) for stage in ("network", "selecting"))
    lines = [f"{shown(result.frame.source)}: Predicted in {took:f} milli-seconds."]
    by_left = sorted(_shown(result), key=lambda row: (row[0], -row[1]))
    for box, rows in itertools.groupby(by_left, key=lambda row: row[0]):
        best, *others = (f"{shown(result.detections.name_of(label))}: {100 * score:.0f}%" for _, score, label in rows)
        left, top, right, bottom = box
        place = zip(("left_x", "top_y", "width", "height"), (left, top, right - left, bottom - top))
        lines += [f"{best}\t({'   '.join(f'{name}: {_rounded(side):4.0f}' for name, side in place)})", *others]
    return lines


class DarknetLines(Output):
    """Writes of each frame what Darknet would, with its tabs, to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: Result) -> None:
        for line in lines_as_darknet(result):
            print(line, file=self._stream, flush=True)


def _shown(result: Result) -> list[Row]:
    return [row for row in result.rows if not result.detections.name_of(row[2]).startswith(HIDDEN)]


def _shares(rows: Sequence[Row], result: Result) -> list[list[float]]:
    height, width = result.frame.image.shape[:2]
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    shares: list[list[float]] = (xyxy_to_cxcywh(boxes) / (width, height, width, height)).round(DECIMALS).tolist()
    return shares


def _rounded(number: float) -> float:
    """As C rounds: halves away from zero."""
    return float(np.copysign(np.floor(abs(number) + 0.5), number)) + 0.0
