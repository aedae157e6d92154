"""The records that travel between rooms. All are frozen and check their shapes where they are built.

Legend: B images, N boxes, A anchors, H W pixels, C classes. Sizes are (height, width). Boxes are xyxy pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from yolov3.meaning import Fit, ModelMeaning, Overlap, Preprocessing, Resize, Size, Suppression

__all__ = [
    "Batch", "DensePredictions", "Fit", "Level", "ModelMeaning", "Overlap", "Predictions", "Preprocessing", "Resize",
    "Sample", "Size", "Suppression", "Targets",
]  # fmt: skip
"""The records below, and those of yolov3/meaning.py, where nothing slow is imported."""


@dataclass(frozen=True)
class Sample:
    """One image of a data set and what is known about it, whatever format it was stored in.

    ``boxes`` (N, 4) float32 xyxy pixels of the upright image (EXIF rotation applied), ``labels`` (N,) int64 from 0,
    ``ignore`` (N,) bool: COCO crowds and VOC ``difficult`` objects, which training leaves alone and each metric
    treats by its own rule; ``areas`` (N,) float32: COCO's segmentation areas where the file has them, else those of
    the boxes. ``image_id`` is the data set's own name of the image: COCO's id, elsewhere the file's stem. ``region``
    (left, top, right, bottom) is the part of the upright image that this is, where it is not all of it; ``size`` and
    boxes are then those of the part.
    """

    path: Path
    size: Size
    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    areas: np.ndarray
    image_id: int | str
    region: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        _require_shape("Sample.boxes", self.boxes, (count, 4))
        for name in ("labels", "ignore", "areas"):
            _require_shape(f"Sample.{name}", getattr(self, name), (count,))
        if min(self.size) < 1:
            raise ValueError(f"Sample.size must be positive (height, width), found {self.size}")


@dataclass(frozen=True)
class Targets:
    """The true boxes of a batch: ``boxes`` (N, 4) float32 xyxy pixels of the network's input, ``labels`` (N,) int64,
    ``image_index`` (N,) int64 in 0..B-1, ``ignore`` (N,) bool, and ``weights`` (N,) float32: how much an object
    counts (below 1 for mixed images)."""

    boxes: Tensor
    labels: Tensor
    image_index: Tensor
    ignore: Tensor
    weights: Tensor

    def __post_init__(self) -> None:
        count = len(self.boxes)
        _require_shape("Targets.boxes", self.boxes, (count, 4))
        for name in ("labels", "image_index", "ignore", "weights"):
            _require_shape(f"Targets.{name}", getattr(self, name), (count,))

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, mask: Tensor) -> Targets:
        """The targets that a mask or an index keeps."""
        return Targets(
            self.boxes[mask], self.labels[mask], self.image_index[mask], self.ignore[mask], self.weights[mask]
        )

    def of_images(self, start: int, stop: int) -> Targets:
        """The targets of the images ``start`` to ``stop`` - 1, whose numbers count anew."""
        own = self.select((self.image_index >= start) & (self.image_index < stop))
        return replace(own, image_index=own.image_index - start)

    def to(self, device: torch.device) -> Targets:
        """The same targets on another device."""
        moved = (
            t.to(device, non_blocking=True)
            for t in (self.boxes, self.labels, self.image_index, self.ignore, self.weights)
        )
        return Targets(*moved)


@dataclass(frozen=True)
class Batch:
    """What the loader hands over: ``images`` (B, 3, H, W), uint8 or float32 in [0, 1], RGB; the targets; and for each
    image the sample it came from and the geometry that undoes its fit (a :class:`yolov3.geometry.Geometry`)."""

    images: Tensor
    targets: Targets
    samples: tuple[Sample, ...]
    geometries: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[1] != 3:
            raise ValueError(f"Batch.images must be (B, 3, H, W), found {tuple(self.images.shape)}")
        if len(self.samples) != len(self.images):
            raise ValueError(f"Batch has {len(self.images)} images but {len(self.samples)} samples")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images' files."""
        return tuple(sample.path for sample in self.samples)

    @property
    def size(self) -> Size:
        """(height, width) of the network's input."""
        return self.images.shape[2], self.images.shape[3]


@dataclass(frozen=True)
class Level:
    """One detection scale: ``stride`` in pixels, ``anchors`` ((width, height), ...) in pixels of the network's input,
    ``xy_scale`` the grid sensitivity (1 in YOLOv3), ``new_coordinates`` Darknet's ``new_coords`` box arithmetic."""

    stride: int
    anchors: tuple[tuple[float, float], ...]
    xy_scale: float = 1.0
    new_coordinates: bool = False

    def __post_init__(self) -> None:
        if not self.stride >= 1 or not self.anchors:  # the comparisons are such that "not a number" does not pass
            raise ValueError(f"a level needs a positive stride and anchors, found {self.stride} and {self.anchors}")
        if not all(len(anchor) == 2 and all(0 < side < math.inf for side in anchor) for anchor in self.anchors):
            raise ValueError(f"anchors must be positive (width, height) pairs, found {self.anchors}")
        if not 0 < self.xy_scale <= 10:
            raise ValueError(f"xy_scale must be above 0 and at most 10, found {self.xy_scale}")


class Predictions(Protocol):
    """What a network, whatever computes it, says of a batch: the objectness of every place, and what is at the places one
    asks about. Of thousands of places a handful are worth a look, so whoever selects looks at the objectness first.

    B images, N places of all levels, C classes, K places that are asked about; boxes are xyxy pixels of the network's input,
    probabilities lie in [0, 1], all is float32 and on one device.
    """

    @property
    def objectness(self) -> Tensor:
        """(B, N): how probable it is that there is something at all."""

    @property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite."""

    def at(self, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes (K, 4) and the classes (K, C), as probabilities, of ``places`` (K,) in ``images`` (K,), both int64 on
        the predictions' device."""


@dataclass(frozen=True)
class DensePredictions:
    """All places decoded: ``boxes`` (B, N, 4), ``objectness`` (B, N), ``classes`` (B, N, C)."""

    boxes: Tensor
    objectness: Tensor
    classes: Tensor

    @cached_property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite."""
        parts = (self.boxes, self.objectness, self.classes)
        # A sum is one cheap pass and is finite only when every term is (unless it overflows, and then we look closer).
        if self.objectness.device.type == "cpu":  # numpy's wakes no other threads
            with np.errstate(over="ignore", invalid="ignore"):
                if all(np.isfinite(part.numpy().sum()) for part in parts):
                    return 0
        elif bool(torch.stack([part.sum() for part in parts]).isfinite().all()):
            return 0
        finite = self.objectness.isfinite() & self.boxes.isfinite().all(-1) & self.classes.isfinite().all(-1)
        return int((~finite).sum())

    def at(self, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes (K, 4) and the classes (K, C) of places (K,) in images (K,)."""
        if self.boxes.device.type != "cpu":
            return self.boxes[images, places], self.classes[images, places]
        index = (images.numpy(), places.numpy())  # for a few rows numpy takes a quarter of the time
        return torch.from_numpy(self.boxes.numpy()[index]), torch.from_numpy(self.classes.numpy()[index])

    @staticmethod
    def join(parts: Sequence[DensePredictions]) -> DensePredictions:
        """Those of several batches as one."""
        return DensePredictions(
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.objectness for part in parts]),
            torch.cat([part.classes for part in parts]),
        )


def _require_shape(name: str, array: np.ndarray | Tensor, shape: tuple[int, ...]) -> None:
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, found {tuple(array.shape)}")
