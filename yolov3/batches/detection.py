"""Batches for detectors: training images placed and augmented, evaluation images fitted and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yolov3.batches.image_cache import ImageCache
from yolov3.batches.loader import Arrays, EpochLoader, OrderedLoader, Work
from yolov3.batches.plan import BatchPlan, EpochSettings, plan_by_size, plan_in_order
from yolov3.batches.sample import TrainingSample, TrainingSampleMaker
from yolov3.config.learning import AugmentSection
from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.geometry import Geometry, fit_images
from yolov3.structures import Batch, Preprocessing, Sample, Targets


def training_loader(
    dataset: Dataset,
    *,
    augment: AugmentSection,
    preprocessing: Preprocessing,
    settings: EpochSettings,
    workers: int,
    cache: ImageCache | None = None,
) -> EpochLoader[Batch]:
    """The training batches of a data set; ``settings`` say how it is dealt out, whose size is that of the input."""
    maker = TrainingSampleMaker(dataset, augment, settings.seed, cache)
    return EpochLoader(
        _TrainingWork(dataset, maker, preprocessing),
        num_samples=len(dataset),
        settings=settings,
        workers=workers,
        close_mosaic=augment.close_mosaic,
    )


def evaluation_loader(
    dataset: Dataset, *, preprocessing: Preprocessing, batch_size: int, workers: int, step: int | None = None
) -> OrderedLoader[Batch]:
    """The images of a data set in order, ``batch_size`` at a time, fitted as the model wants them and not changed
    otherwise, with the geometries that undo their fit. With a ``step`` inputs are no larger than their images need, as in
    :meth:`Geometry.fit`, and images that need the same come together."""
    work = _EvaluationWork(dataset, preprocessing, step)
    if step is None:
        plans = plan_in_order(len(dataset), batch_size=batch_size, size=preprocessing.size)
    else:
        sizes = [work.geometry_of(sample).network_size for sample in dataset.samples]
        plans = plan_by_size(sizes, batch_size=batch_size)
    return OrderedLoader(work, plans, workers)


class _DetectionWork(Work[Batch]):
    def __init__(self, dataset: Dataset, preprocessing: Preprocessing) -> None:
        self.dataset, self.preprocessing = dataset, preprocessing

    def finish(self, arrays: Arrays) -> Batch:
        samples = tuple(self.dataset.samples[index] for index in arrays.indices)
        boxes, labels, numbers, ignore, weights = arrays.known
        return Batch(arrays.images, Targets(boxes, labels, numbers, ignore, weights), samples, arrays.geometries)

    def path_of(self, index: int) -> Path:
        return self.dataset.samples[index].path


class _TrainingWork(_DetectionWork):
    def __init__(self, dataset: Dataset, maker: TrainingSampleMaker, preprocessing: Preprocessing) -> None:
        super().__init__(dataset, preprocessing)
        self.maker = maker

    def make(self, plan: BatchPlan) -> Arrays:
        preprocessing = replace(self.preprocessing, size=plan.size)
        samples = [
            self.maker.make(index, epoch=plan.epoch, preprocessing=preprocessing, mixing=plan.mixing)
            for index in plan.indices
        ]
        return Arrays(plan.indices, stack_images([sample.image for sample in samples]), _join_targets(samples))


class _EvaluationWork(_DetectionWork):
    def __init__(self, dataset: Dataset, preprocessing: Preprocessing, step: int | None) -> None:
        super().__init__(dataset, preprocessing)
        self.step = step

    def geometry_of(self, sample: Sample) -> Geometry:
        return Geometry.fit(sample.size, self.preprocessing, self.step)

    def make(self, plan: BatchPlan) -> Arrays:
        samples = [self.dataset.samples[index] for index in plan.indices]
        geometries = tuple(map(self.geometry_of, samples))
        images = fit_images(map(read_sample_image, samples), geometries)
        fitted = [
            TrainingSample(
                image, geometry.boxes_to_network(s.boxes), s.labels, s.ignore, np.ones(len(s.boxes), np.float32)
            )
            for image, geometry, s in zip(images, geometries, samples)
        ]
        return Arrays(plan.indices, torch.from_numpy(images).permute(0, 3, 1, 2), _join_targets(fitted), geometries)


def stack_images(images: list[np.ndarray]) -> Tensor:
    """(B, 3, H, W) in the memory order of the images (channels last), so that nothing is shuffled about."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _join_targets(samples: list[TrainingSample]) -> tuple[Tensor, ...]:
    """Boxes, labels, numbers of the images, ignore, weights of all objects of a batch."""
    numbers = np.repeat(np.arange(len(samples)), [len(sample.boxes) for sample in samples])
    return (
        torch.from_numpy(np.concatenate([sample.boxes for sample in samples]).astype(np.float32)),
        torch.from_numpy(np.concatenate([sample.labels for sample in samples]).astype(np.int64)),
        torch.from_numpy(numbers.astype(np.int64)),
        torch.from_numpy(np.concatenate([sample.ignore for sample in samples]).astype(bool)),
        torch.from_numpy(np.concatenate([sample.weights for sample in samples]).astype(np.float32)),
    )
