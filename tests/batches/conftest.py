"""A data set whose objects can be seen in its pixels, and loaders of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from yolov3.batches.detection import training_loader
from yolov3.batches.loader import EpochLoader
from yolov3.batches.plan import EpochSettings
from yolov3.config.learning import AugmentSection
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Batch, Preprocessing, Sample


@pytest.fixture(scope="session")
def preprocessing() -> Preprocessing:
    """A small input that is not square."""
    return Preprocessing(size=(64, 96))


@pytest.fixture(scope="session")
def plain() -> AugmentSection:
    """Nothing is changed but the place."""
    return AugmentSection(flip=0, hue=0, saturation=1, exposure=1, jitter=0)


@pytest.fixture(scope="session")
def everything() -> AugmentSection:
    """All that can be switched on."""
    return AugmentSection(
        flip=0.5, flip_vertical=0.5, rotate=20, blur=0.5, noise=0.5, mosaic=0.5, mixup=0.5, scale=(0.5, 1.5)
    )


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Dataset:
    """Ten black images, each with a white rectangle that is its object."""
    folder = tmp_path_factory.mktemp("rectangles")
    generator = np.random.default_rng(0)
    samples = []
    for number in range(10):
        height, width = (int(side) for side in generator.integers(80, 200, 2))
        left, top = (int(share * side) for share, side in zip(generator.uniform(0.1, 0.4, 2), (width, height)))
        right, bottom = left + width // 2, top + height // 2
        image = np.zeros((height, width, 3), np.uint8)
        image[top:bottom, left:right] = 255
        cv2.imwrite(str(folder / f"{number}.png"), image)
        box = np.array([[left, top, right, bottom]], np.float32)
        one = np.ones(1, np.float32)
        labels, ignore = np.array([number % 3]), np.array([False])
        samples.append(Sample(folder / f"{number}.png", (height, width), box, labels, ignore, one, number))
    return Dataset(tuple(samples), ("a", "b", "c"), (1, 2, 3), DatasetReport(), "rectangles")


@pytest.fixture(scope="session")
def make_loader(preprocessing, everything) -> Callable[..., EpochLoader[Batch]]:
    """Training loaders, four images a batch unless told otherwise."""

    def make(
        data: Dataset, *, augment: AugmentSection = everything, workers: int = 0, cache: Any = None, **more: Any
    ) -> EpochLoader[Batch]:
        settings = EpochSettings(**{"batch_size": 4, "seed": 3, "size": preprocessing.size, **more})
        return training_loader(
            data, augment=augment, preprocessing=preprocessing, settings=settings, workers=workers, cache=cache
        )

    return make
