"""What was found in an image: a record that can be looked at, drawn, saved and handed on.

Legend: N boxes. Sizes are (height, width). Boxes are xyxy pixels.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor

from yolov3.boxes import xyxy_to_xywh
from yolov3.errors import UserError
from yolov3.images.draw import draw_boxes
from yolov3.images.files import ImageError, read_image, write_image
from yolov3.images.given import GivenImage, image_of
from yolov3.structures import Size
from yolov3.watching.words import counted, some

if TYPE_CHECKING:  # neither is needed to detect
    import pandas
    import supervision

SCORE_DECIMALS, BOX_DECIMALS = 6, 3  # of what is written
MOST_NAMES, MOST_SCORES = 6, 5  # are named in the short form

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Detection:
    """One thing that was found: its ``box`` (left, top, right, bottom) in pixels, its ``score`` in [0, 1], its class by
    number (``label``) and by ``name`` (the number as text where the model has no names), and its identity (``track``)
    where it is followed."""

    box: Box
    score: float
    label: int
    name: str
    track: int | None = None

    def __repr__(self) -> str:
        followed = "" if self.track is None else f"#{self.track} "
        return f"{followed}{self.name} {self.score:.2f} at " + " ".join(f"{side:.0f}" for side in self.box)


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """What was found in one image: ``boxes`` (N, 4) float32 xyxy pixels, ``scores`` (N,) float32 in [0, 1],
    ``labels`` (N,) int64; best first.

    ``detections[0]`` and iteration give a :class:`Detection`; a slice, a mask or several indices keep a part. What is
    known of the image travels along: ``names`` of all classes, ``image_size`` (height, width), its ``source`` (a path, an
    address), and ``times``: milliseconds per stage; where boxes are followed from frame to frame, ``tracks`` (N,) int64 says
    who is who. Equal is what has the same boxes, scores, labels, tracks, names and image size, wherever the image came from
    and however long it took.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    names: tuple[str, ...] = ()
    image_size: Size | None = None
    source: str | None = None
    times: Mapping[str, float] = field(default_factory=dict)
    tracks: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        shapes = {"boxes": (count, 4), "scores": (count,), "labels": (count,)}
        if self.tracks is not None:
            shapes["tracks"] = (count,)
        for name, shape in shapes.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"Detections.{name} must have shape {shape}, found {found}")

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Detection]:
        tracks = [None] * len(self) if self.tracks is None else self.tracks.tolist()
        for box, score, label, track in zip(self.boxes.tolist(), self.scores.tolist(), self.labels.tolist(), tracks):
            yield Detection(tuple(box), score, label, self.name_of(label), track)

    @overload
    def __getitem__(self, index: int) -> Detection: ...

    @overload
    def __getitem__(self, index: slice | Tensor | np.ndarray | Sequence[int]) -> Detections: ...

    def __getitem__(self, index: int | slice | Tensor | np.ndarray | Sequence[int]) -> Detection | Detections:
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            if not -len(self) <= index < len(self):
                raise IndexError(f"no detection {index}; there are {len(self)}")
            start = int(index) % len(self)
            return next(iter(self[start : start + 1]))
        if isinstance(index, bool):
            raise TypeError("detections are chosen by a number, a slice, a mask or several numbers, found a bool")
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.boxes.device)
            if index.ndim == 0:
                index = index[None]
            elif not len(index):
                index = index.long()  # an empty list would be floats
        tracks = None if self.tracks is None else self.tracks[index]
        return replace(
            self, boxes=self.boxes[index], scores=self.scores[index], labels=self.labels[index], tracks=tracks
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        if (self.names, self.image_size) != (other.names, other.image_size):
            return False
        if (self.tracks is None) != (other.tracks is None):
            return False
        pairs = [(self.boxes, other.boxes), (self.scores, other.scores), (self.labels, other.labels)]
        if self.tracks is not None and other.tracks is not None:
            pairs.append((self.tracks, other.tracks))
        return all(torch.equal(mine.cpu(), its.cpu()) for mine, its in pairs)

    __hash__ = None  # type: ignore[assignment]  # equal by values that tensors hold

    def __repr__(self) -> str:
        """Such as ``3 boxes of person 0.98 0.91, dog 0.56 in 768x576`` (width x height)."""
        by_label: dict[int, list[float]] = {}
        for label, score in zip(self.labels.tolist(), self.scores.tolist()):
            by_label.setdefault(label, []).append(score)
        parts = []
        for label, scores in list(by_label.items())[:MOST_NAMES]:
            listed = some((f"{score:.2f}" for score in scores), most=MOST_SCORES, separator=" ")
            parts.append(f"{self.name_of(label)} {listed}")
        if len(by_label) > MOST_NAMES:
            parts.append(counted(len(by_label) - MOST_NAMES, "more class"))
        text = counted(len(self), "box") if len(self) else "no boxes"
        text += f" of {', '.join(parts)}" if parts else ""
        if self.image_size is not None:
            text += f" in {self.image_size[1]}x{self.image_size[0]}"
        return text

    @staticmethod
    def empty(names: tuple[str, ...] = ()) -> Detections:
        """Detections of an image in which nothing was found."""
        return Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), names)

    def cpu(self) -> Detections:
        """The same detections in main memory."""
        tracks = None if self.tracks is None else self.tracks.cpu()
        return replace(self, boxes=self.boxes.cpu(), scores=self.scores.cpu(), labels=self.labels.cpu(), tracks=tracks)

    def name_of(self, label: int) -> str:
        """The class name of a label, or its number where the model has no names."""
        return self.names[label] if label < len(self.names) else str(label)

    def draw(self, image: GivenImage | None = None) -> np.ndarray:
        """The image with its boxes, their names and scores, (H, W, 3) uint8 RGB. ``image`` is what was detected in, given
        in any of the detector's ways; without it the file ``source`` is read again. Raises UserError."""
        if image is None:
            if self.source is None:
                raise UserError("these detections do not know their image; give it: draw(image), save(path, image)")
            try:
                pixels = read_image(Path(self.source))
            except ImageError as error:  # a frame of a video, a file that has gone
                raise UserError(f"{error}; give the image: draw(image), save(path, image)") from error
        else:
            pixels = image_of(image)
        if self.image_size is not None and pixels.shape[:2] != self.image_size:
            given, own = (f"{width}x{height}" for height, width in (pixels.shape[:2], self.image_size))
            raise UserError(f"the image is {given}, these detections are of one of {own} (width x height)")
        texts = [f"{'' if one.track is None else f'#{one.track} '}{one.name} {one.score:.2f}" for one in self]
        return draw_boxes(pixels, self.boxes.numpy(force=True), texts, self.labels.tolist())

    def save(self, path: str | Path, image: GivenImage | None = None) -> None:
        """Write what :meth:`draw` gives as an image in the format of the path's suffix. Raises UserError."""
        write_image(Path(path), self.draw(image))

    def to_numpy(self) -> np.ndarray:
        """(N, 6) float32: left, top, right, bottom in pixels, score, class."""
        columns = (self.boxes, self.scores[:, None], self.labels[:, None])
        return np.concatenate([column.numpy(force=True).astype(np.float32) for column in columns], axis=1)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain values, as ``detections.json`` has them: ``class`` (number), ``name``, ``score``, ``box`` (xyxy), and
        ``track`` where there are any."""
        return [
            {
                "class": found.label,
                "name": found.name,
                "score": round(found.score, SCORE_DECIMALS),
                "box": [round(side, BOX_DECIMALS) for side in found.box],
                **({} if found.track is None else {"track": found.track}),
            }
            for found in self
        ]

    def to_coco(
        self, image_id: int | str | None = None, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """COCO's results format: ``image_id``, ``category_id``, ``bbox`` (left, top, width, height), ``score``.

        Default of ``image_id`` is the stem of the source's name; ``category_ids`` are the numbers of the classes in the
        annotations, by default those of the model, from 0. Raises UserError.
        """
        if image_id is None:
            if self.source is None:
                raise UserError("these detections do not know their image; give its number: to_coco(image_id)")
            image_id = Path(self.source).stem
        missing = [found.label for found in self if category_ids is not None and found.label >= len(category_ids)]
        if category_ids is not None and missing:
            raise UserError(f"to_coco: class {missing[0]} has no category id; {len(category_ids)} are given")
        boxes = xyxy_to_xywh(self.boxes.numpy(force=True).astype(np.float64)).round(BOX_DECIMALS).tolist()
        return [
            {
                "image_id": image_id,
                "category_id": found.label if category_ids is None else category_ids[found.label],
                "bbox": box,
                "score": round(found.score, SCORE_DECIMALS),
            }
            for found, box in zip(self, boxes)
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """A row per box: ``class``, ``name``, ``score``, ``left``, ``top``, ``right``, ``bottom``, and ``track`` where there
        are any. Raises UserError where pandas is not installed."""
        frame = _library("pandas", "to_pandas").DataFrame
        columns = ("class", "name", "score", "left", "top", "right", "bottom")
        table = frame([(found.label, found.name, found.score, *found.box) for found in self], columns=columns)
        return table if self.tracks is None else table.assign(track=self.tracks.numpy(force=True))

    def to_supervision(self) -> supervision.Detections:
        """The same as supervision's ``Detections``, with ``class_name`` among its data, and ``tracker_id`` where there are
        tracks. Raises UserError where supervision is not installed."""
        return _library("supervision", "to_supervision").Detections(
            xyxy=self.boxes.numpy(force=True).astype(np.float32),
            confidence=self.scores.numpy(force=True).astype(np.float32),
            class_id=self.labels.numpy(force=True).astype(int),
            tracker_id=None if self.tracks is None else self.tracks.numpy(force=True).astype(int),
            data={"class_name": np.array([found.name for found in self], dtype=str)},
        )


def _library(name: str, wanted_by: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != name:
            raise  # it is there, and broken
        raise UserError(f"{wanted_by} needs the package {name}, which is not installed: pip install {name}") from error
