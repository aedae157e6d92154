"""Pictures sorted into a folder per class, as ImageNet comes: samples, training crops, and batches of them.

Training crops are Inception's (Szegedy et al. 2015): a random part of the picture of a random aspect, with Darknet's
colour change; evaluation takes the middle square, as Darknet's classifier does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from yolov3.config import AugmentSection
from yolov3.datasets.augment import distort_colour
from yolov3.datasets.batch_plan import BatchPlan, plan_epoch
from yolov3.datasets.worker import Failure, one_opencv_thread, prepare_worker
from yolov3.errors import UserError
from yolov3.images import IMAGE_SUFFIXES, read_image
from yolov3.structures import Size

CROP_AREA = (0.25, 1.0)  # of the picture
CROP_ASPECT = (3 / 4, 4 / 3)
CROP_TRIES = 10
SHORT_SIDE = 1.125  # evaluation: the short side becomes this many crops, then the middle is taken


@dataclass(frozen=True)
class ClassFolders:
    """``paths`` of pictures with their ``labels``, and the class ``names``: the folders', in alphabetical order."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def read_class_folders(folder: Path, *, names: tuple[str, ...] | None = None) -> ClassFolders:
    """The pictures in ``folder/CLASS/``; with ``names`` the classes must be among these. Raises UserError."""
    if not folder.is_dir():
        raise UserError(f"{folder}: the folder does not exist")
    found = tuple(sorted(place.name for place in folder.iterdir() if place.is_dir()))
    unknown = [name for name in found if names is not None and name not in names]
    if unknown:
        raise UserError(f"{folder}: class folders that the training data does not have: {', '.join(unknown[:5])}")
    classes = names or found
    pairs = [
        (path, classes.index(name))
        for name in found
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    ]
    if not pairs:
        raise UserError(f"{folder}: no pictures in class folders (expected {folder}/CLASS/*.jpg)")
    paths, labels = zip(*pairs)
    return ClassFolders(paths, labels, classes)


class ClassificationLoader:
    """Batches (images (B, 3, S, S) uint8, labels (B,) int64) of an epoch, made by worker processes."""

    def __init__(
        self, data: ClassFolders, *, side: int, batch_size: int, workers: int, seed: int, mode: Literal["train", "val"]
    ) -> None:
        self.data, self.side, self.batch_size, self.seed, self.mode = data, side, batch_size, seed, mode
        self._plans: list[BatchPlan] = []
        self._length = -(-len(data) // batch_size)
        self._loader = DataLoader(
            _Work(data, seed, mode),
            sampler=self,
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=prepare_worker,
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[BatchPlan]:
        return iter(self._plans)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch: for training all pictures in a new order, for evaluation in order."""
        size: Size = (self.side, self.side)
        if self.mode == "train":
            self._plans = plan_epoch(len(self.data), seed=self.seed, epoch=epoch, batch_size=self.batch_size, base=size)
        else:
            starts = range(0, len(self.data), self.batch_size)
            rows = (tuple(range(start, min(start + self.batch_size, len(self.data)))) for start in starts)
            self._plans = [BatchPlan(number, 0, row, size) for number, row in enumerate(rows)]
        with one_opencv_thread():
            answers = iter(self._loader)
        for answer in answers:
            if isinstance(answer, Failure):
                raise UserError(answer.message)
            yield answer


class _Work(torch.utils.data.Dataset):
    def __init__(self, data: ClassFolders, seed: int, mode: str) -> None:
        self.data, self.seed, self.mode = data, seed, mode
        self.augment = AugmentSection()

    def __getitem__(self, plan: BatchPlan) -> tuple[Tensor, Tensor] | Failure:
        images = []
        try:
            for index in plan.indices:
                image = read_image(self.data.paths[index])
                if self.mode == "train":
                    generator = np.random.default_rng((self.seed, plan.epoch, index))
                    images.append(training_crop(image, plan.size[0], generator, self.augment))
                else:
                    images.append(middle_crop(image, plan.size[0]))
        except UserError as error:
            return Failure(str(error))
        labels = torch.tensor([self.data.labels[index] for index in plan.indices])
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), labels


def training_crop(image: np.ndarray, side: int, generator: np.random.Generator, augment: AugmentSection) -> np.ndarray:
    """A random part of a picture as (S, S, 3), perhaps mirrored, its colours changed."""
    height, width = image.shape[:2]
    low, high = np.log(CROP_ASPECT)
    for _ in range(CROP_TRIES):
        area = height * width * generator.uniform(*CROP_AREA)
        aspect = np.exp(generator.uniform(low, high))
        crop_width, crop_height = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 1 <= crop_width <= width and 1 <= crop_height <= height:
            left, top = generator.integers(width - crop_width + 1), generator.integers(height - crop_height + 1)
            image = image[top : top + crop_height, left : left + crop_width]
            break
    resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    if generator.random() < augment.flip:
        resized = cv2.flip(resized, 1)
    return distort_colour(generator, resized, augment)


def middle_crop(image: np.ndarray, side: int) -> np.ndarray:
    """The middle square of a picture as (S, S, 3)."""
    height, width = image.shape[:2]
    edge = max(1, round(min(height, width) / SHORT_SIDE))
    top, left = (height - edge) // 2, (width - edge) // 2
    return cv2.resize(image[top : top + edge, left : left + edge], (side, side), interpolation=cv2.INTER_AREA)
