"""Batches for classifiers, of images in class folders.

Training crops are Inception's (Szegedy et al. 2015): a random part of the image of a random aspect, with Darknet's
colour change; evaluation takes the middle square, as Darknet's classifier does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from yolov3.batches.augment import distort_colour
from yolov3.batches.detection import stack_images
from yolov3.batches.loader import Arrays, EpochLoader, OrderedLoader, Work
from yolov3.batches.plan import BatchPlan, EpochSettings, plan_in_order
from yolov3.config.learning import AugmentSection
from yolov3.datasets.class_folders import ClassFolders
from yolov3.images.files import read_image
from yolov3.structures import Size

CROP_AREA = (0.25, 1.0)  # of the image
CROP_ASPECT = (3 / 4, 4 / 3)
CROP_TRIES = 10
SHORT_SIDE = 1.125  # evaluation: the short side becomes this many crops, then the middle is taken


@dataclass(frozen=True)
class LabelledImages:
    """A batch: ``images`` (B, 3, S, S) uint8 RGB, ``labels`` (B,) int64, and the images' files."""

    images: Tensor
    labels: Tensor
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> Size:
        """(height, width) of the network's input."""
        return self.images.shape[2], self.images.shape[3]


def classification_training_loader(
    data: ClassFolders, *, settings: EpochSettings, workers: int
) -> EpochLoader[LabelledImages]:
    """Batches of random crops, square and as high as the settings' size."""
    work = _TrainingWork(data, settings.seed)
    return EpochLoader(work, num_samples=len(data), settings=settings, workers=workers)


def classification_evaluation_loader(
    data: ClassFolders, *, side: int, batch_size: int, workers: int
) -> OrderedLoader[LabelledImages]:
    """Batches of middle squares, in the order of the data."""
    plans = plan_in_order(len(data), batch_size=batch_size, size=(side, side))
    return OrderedLoader(_EvaluationWork(data), plans, workers)


class _ClassificationWork(Work[LabelledImages]):
    def __init__(self, data: ClassFolders) -> None:
        self.data = data

    def finish(self, arrays: Arrays) -> LabelledImages:
        (labels,) = arrays.known
        return LabelledImages(arrays.images, labels, tuple(self.data.paths[index] for index in arrays.indices))

    def path_of(self, index: int) -> Path:
        return self.data.paths[index]

    def _answer(self, plan: BatchPlan, crops: list[np.ndarray]) -> Arrays:
        labels = torch.tensor([self.data.labels[index] for index in plan.indices])
        return Arrays(plan.indices, stack_images(crops), (labels,))


class _TrainingWork(_ClassificationWork):
    def __init__(self, data: ClassFolders, seed: int) -> None:
        super().__init__(data)
        self.seed, self.augment = seed, AugmentSection()

    def make(self, plan: BatchPlan) -> Arrays:
        crops = []
        for index in plan.indices:
            generator = np.random.default_rng((self.seed, plan.epoch, index))
            crops.append(training_crop(read_image(self.data.paths[index]), plan.size[0], generator, self.augment))
        return self._answer(plan, crops)


class _EvaluationWork(_ClassificationWork):
    def make(self, plan: BatchPlan) -> Arrays:
        return self._answer(
            plan, [middle_crop(read_image(self.data.paths[index]), plan.size[0]) for index in plan.indices]
        )


def training_crop(image: np.ndarray, side: int, generator: np.random.Generator, augment: AugmentSection) -> np.ndarray:
    """A random part of an image as (S, S, 3), perhaps mirrored, its colours changed."""
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
    """The middle square of an image as (S, S, 3)."""
    height, width = image.shape[:2]
    edge = max(1, round(min(height, width) / SHORT_SIDE))
    top, left = (height - edge) // 2, (width - edge) // 2
    return cv2.resize(image[top : top + edge, left : left + edge], (side, side), interpolation=cv2.INTER_AREA)
