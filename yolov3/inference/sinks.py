"""Where results go. A sink is a context manager with one verb, ``write``; leaving it finishes its file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import cv2
import numpy as np

from yolov3.draw import draw_boxes
from yolov3.errors import UserError
from yolov3.images import WRITTEN_SUFFIXES, write_image
from yolov3.inference.output_names import safe_name
from yolov3.inference.sources import Frame
from yolov3.inference.video import VideoWriter
from yolov3.structures import Detections

WINDOW = "yolov3"
CSV_COLUMNS = ("source", "frame", "seconds", "class", "name", "score", "left", "top", "right", "bottom")


@dataclass(frozen=True)
class Result:
    """What was found in a frame. ``name`` is the source's output name, ``rate`` the frames a second of a video."""

    frame: Frame
    detections: Detections
    name: str
    rate: float | None = None

    @property
    def file_stem(self) -> str:
        """The name of this frame's own files."""
        return self.name if self.frame.index is None else f"{self.name}_{self.frame.index:06d}"

    def drawn(self) -> np.ndarray:
        """The picture with its boxes."""
        found = self.detections
        labels = found.labels.tolist()
        texts = [f"{found.name_of(label)} {score:.2f}" for label, score in zip(labels, found.scores.tolist())]
        return draw_boxes(self.frame.image, found.boxes.numpy(), texts, labels)


class Sink:
    """What all sinks have in common: they do nothing at their end unless they say so."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, result: Result) -> None:
        """Take the result of one frame."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish."""


class PictureSink(Sink):
    """Drawn pictures and videos: ``NAME.jpg`` (or the picture's own kind), ``NAME.mp4``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._video: VideoWriter | None = None

    def write(self, result: Result) -> None:
        if result.frame.index is None:
            self.close()
            suffix = Path(result.frame.source).suffix.lower()
            suffix = suffix if suffix in WRITTEN_SUFFIXES else ".jpg"
            write_image(self.folder / f"{result.name}{suffix}", result.drawn())
            return
        path = self.folder / f"{result.name}.mp4"
        if self._video is None or self._video.path != path:
            self.close()
            height, width = result.frame.image.shape[:2]
            assert result.rate is not None, "a video has a rate"
            self._video = VideoWriter(path, rate=result.rate, size=(height, width))
        self._video.write(result.drawn())

    def close(self) -> None:
        if self._video is not None:
            video, self._video = self._video, None
            video.close()


class TextSink(Sink):
    """YOLO's text labels: ``labels/NAME.txt`` with lines ``class cx cy w h``, in shares of the picture, and the score
    behind them where asked for. A picture without objects gets an empty file."""

    def __init__(self, folder: Path, *, with_scores: bool) -> None:
        self.folder, self.with_scores = _make(folder / "labels"), with_scores

    def write(self, result: Result) -> None:
        height, width = result.frame.image.shape[:2]
        lines = []
        for (left, top, right, bottom), score, label in _rows(result.detections):
            shares = (
                (left + right) / 2 / width,
                (top + bottom) / 2 / height,
                (right - left) / width,
                (bottom - top) / height,
            )
            numbers = [f"{share:.6f}" for share in shares] + ([f"{score:.6f}"] if self.with_scores else [])
            lines.append(" ".join((str(label), *numbers)) + "\n")
        (self.folder / f"{result.file_stem}.txt").write_text("".join(lines), encoding="utf-8")


class JsonSink(Sink):
    """``detections.json``: a list with an object per frame, written as they come and closed properly at the end."""

    def __init__(self, folder: Path) -> None:
        self._stream: TextIO = (folder / "detections.json").open("w", encoding="utf-8")
        self._stream.write("[")
        self._separator = "\n"

    def write(self, result: Result) -> None:
        self._stream.write(self._separator + json.dumps(as_plain(result), ensure_ascii=False))
        self._separator = ",\n"

    def close(self) -> None:
        self._stream.write("\n]\n")
        self._stream.close()


class CsvSink(Sink):
    """``detections.csv``: a row per box."""

    def __init__(self, folder: Path) -> None:
        self._stream: TextIO = (folder / "detections.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(CSV_COLUMNS)

    def write(self, result: Result) -> None:
        frame, found = result.frame, result.detections
        index = "" if frame.index is None else frame.index
        seconds = "" if frame.seconds is None else f"{frame.seconds:.3f}"
        for box, score, label in _rows(found):
            row = (_printable(frame.source), index, seconds, label, found.name_of(label), f"{score:.6f}")
            self._writer.writerow((*row, *(f"{value:.2f}" for value in box)))

    def close(self) -> None:
        self._stream.close()


class CropSink(Sink):
    """What is inside each box: ``crops/CLASS/NAME_1.jpg``."""

    def __init__(self, folder: Path) -> None:
        self.folder = _make(folder / "crops")

    def write(self, result: Result) -> None:
        height, width = result.frame.image.shape[:2]
        for number, (box, _, label) in enumerate(_rows(result.detections), start=1):
            left, top = max(0, int(box[0])), max(0, int(box[1]))
            right, bottom = min(width, max(left + 1, round(box[2]))), min(height, max(top + 1, round(box[3])))
            crop = result.frame.image[top:bottom, left:right]
            if crop.size:
                place = _make(self.folder / safe_name(result.detections.name_of(label)))
                write_image(place / f"{result.file_stem}_{number}.jpg", crop)


class WindowSink(Sink):
    """Shows each frame in a window; ``q`` or Escape stops. ``stop`` is called then."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def write(self, result: Result) -> None:
        cv2.imshow(WINDOW, cv2.cvtColor(result.drawn(), cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1 if result.frame.index is not None else 800) & 0xFF in (ord("q"), 27):
            self._stop()

    def close(self) -> None:
        cv2.destroyAllWindows()


def as_plain(result: Result) -> dict[str, Any]:
    """A result as plain values: source, frame and seconds (of a video), size, and the detections with xyxy boxes."""
    frame, found = result.frame, result.detections
    height, width = frame.image.shape[:2]
    return {
        "source": _printable(frame.source),
        "frame": frame.index,
        "seconds": None if frame.seconds is None else round(frame.seconds, 4),
        "width": width,
        "height": height,
        "detections": [
            {
                "class": label,
                "name": found.name_of(label),
                "score": round(score, 6),
                "box": [round(value, 3) for value in box],
            }
            for box, score, label in _rows(found)
        ],
    }


def _rows(found: Detections) -> list[tuple[list[float], float, int]]:
    return list(zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist()))


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return folder
