"""Images made ready for a network: fitted, and together those of one size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from yolov3.geometry import Geometry, fit_images, groups_of_one_size
from yolov3.structures import Preprocessing


@dataclass(frozen=True)
class Group:
    """Images that go through the network together: their ``numbers`` among all, ``images`` (B, 3, H, W), how they lie."""

    numbers: tuple[int, ...]
    images: Tensor
    geometries: tuple[Geometry, ...]


@dataclass(frozen=True)
class Prepared:
    """So many images in ``groups`` of one size, and the seconds that fitting them took."""

    groups: tuple[Group, ...]
    seconds: float

    def __len__(self) -> int:
        return sum(len(group.numbers) for group in self.groups)


@dataclass(frozen=True)
class Uncut:
    """Images (H, W, 3) uint8 RGB that are cut into tiles and fitted when the network has time for them: all the tiles of a
    large image at once would take more memory than the image."""

    images: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.images)


def prepare(images: Sequence[np.ndarray], preprocessing: Preprocessing, step: int | None = None) -> Prepared:
    """(H, W, 3) uint8 RGB images of any sizes, fitted as the ``preprocessing`` says; with a ``step`` into no more than they
    need (:meth:`yolov3.geometry.Geometry.fit`)."""
    start = time.perf_counter()
    geometries = [Geometry.fit((image.shape[0], image.shape[1]), preprocessing, step) for image in images]
    groups = []
    for numbers in groups_of_one_size(geometries):
        own = [geometries[number] for number in numbers]
        fitted = torch.from_numpy(fit_images([images[number] for number in numbers], own)).permute(0, 3, 1, 2)
        groups.append(Group(tuple(numbers), fitted, tuple(own)))
    return Prepared(tuple(groups), time.perf_counter() - start)
