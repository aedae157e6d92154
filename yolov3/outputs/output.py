"""What every output is: a context manager with one verb, ``write``; leaving it finishes its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.images.trails import draw_shapes, draw_trails
from yolov3.outputs.names import frame_name
from yolov3.sources.frames import Frame
from yolov3.tracking.following import Followed

Row = tuple[list[float], float, int]
"""A detection: its box xyxy, its score, its label."""


@dataclass(frozen=True)
class Result:
    """What was found in a frame. ``name`` is the source's output name, ``rate`` the frames a second of a video, ``delay``
    the seconds from a live frame's capture until its result was there to be given to the outputs; where the source is
    ``followed``, what is known of it after this frame."""

    frame: Frame
    detections: Detections
    name: str
    rate: float | None = None
    delay: float | None = None
    followed: Followed | None = None

    @property
    def file_stem(self) -> str:
        """The name of this frame's own files."""
        return self.name if self.frame.index is None else frame_name(self.name, self.frame.index)

    @property
    def rows(self) -> list[Row]:
        """The detections one by one, best first."""
        found = self.detections
        return list(zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist()))

    def drawn(self) -> np.ndarray:
        """The image with its boxes, and where it is followed with ways, lines and zones."""
        drawn = self.detections.draw(self.frame.image)
        if self.followed is not None:
            draw_trails(drawn, self.followed.trails)
            if self.followed.counted is not None:
                draw_shapes(drawn, self.followed.counted.lines, closed=False)
                draw_shapes(drawn, self.followed.counted.zones, closed=True)
        return drawn

    def as_plain(self) -> dict[str, Any]:
        """Plain values: source, frame and seconds (of a video), of a live frame when it was captured (seconds since 1970),
        its delay and how many were passed over before it, size, and the detections with xyxy boxes; what was counted so far,
        where anything is."""
        frame = self.frame
        height, width = frame.image.shape[:2]
        counted = self.followed.counted if self.followed is not None else None
        counts = {} if counted is None else {"counts": counted.plain}
        live: dict[str, Any] = {}
        if frame.captured is not None:
            live = {"captured": round(frame.captured, 4), "delay": None, "passed_over": frame.passed_over}
            live["delay"] = None if self.delay is None else round(self.delay, 4)
        return {
            "source": printable(frame.source),
            "frame": frame.index,
            "seconds": None if frame.seconds is None else round(frame.seconds, 4),
            **live,
            "width": width,
            "height": height,
            "detections": self.detections.to_dicts(),
            **counts,
        }


class StopDetecting(Exception):
    """An output wants nothing more: whoever watches has seen enough."""


class Output:
    """What all outputs have in common: they do nothing at an end unless they say so. Several sources may take turns."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, result: Result) -> None:
        """Take the result of one frame. Raises StopDetecting when no more are wanted, UserError when it cannot."""
        raise NotImplementedError

    def end(self, name: str) -> None:
        """The source of this output name has ended."""

    def settle(self) -> None:
        """Wait until all that was given is written. Raises what writing it raised."""

    def close(self) -> None:
        """Finish."""


def printable(text: str) -> str:
    """A text that every file can hold: names that are not UTF-8 arrive with surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def make_folder(folder: Path) -> Path:
    """The folder, made if it is not there. Raises UserError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return folder
