"""What was found in a made-up frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.outputs.output import Result, Row
from yolov3.sources.frames import Frame
from yolov3.sources.instant import Instant

ROWS: list[Row] = [
    ([4.25, 3.0, 40.5, 30.75], 0.875, 2),
    ([0.0, 0.0, 64.0, 48.0], 0.5, 0),
    ([50.0, 40.0, 50.4, 40.2], 0.25, 9),
]


@pytest.fixture(scope="session")
def make_result() -> Callable[..., Result]:
    """Results of a grey frame of 48 by 64: an image's unless given an ``index``, then a video's."""

    def make(
        rows: list[Row] = ROWS,
        *,
        source: str = "a/street.jpg",
        name: str = "street",
        index: int | None = None,
        names: tuple[str, ...] = ("cat", "dog", "a/b"),
        image: np.ndarray | None = None,
        delay: float | None = None,
        passed_over: int = 0,
        seconds: float | None = None,
    ) -> Result:
        frame = Frame(
            np.full((48, 64, 3), 100, np.uint8) if image is None else image,
            source,
            index,
            index / 12.5 if index is not None and seconds is None else seconds,
            instant=None if delay is None else Instant(1000.5, 7.0),
            passed_over=passed_over,
        )
        detections = Detections(
            torch.tensor([box for box, _, _ in rows]).reshape(-1, 4),
            torch.tensor([score for _, score, _ in rows]),
            torch.tensor([label for *_, label in rows], dtype=torch.int64),
            names,
        )
        return Result(frame, detections, name, None if index is None else 12.5, delay)

    return make
