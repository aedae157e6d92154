"""Batches from samples, made by worker processes.

A worker is asked for a whole batch by its plan and answers with its arrays, so the number of workers changes nothing
but the speed. What goes wrong in a worker for a reason the user can mend comes back as a value and is raised here, in
one line. Workers live as long as the loader.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from yolov3.config import AugmentSection
from yolov3.datasets.balance import repeat_factors
from yolov3.datasets.batch_plan import BatchPlan, count_batches, plan_epoch
from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.datasets.picture_cache import PictureCache
from yolov3.datasets.training_sample import TrainingSample, TrainingSampleMaker
from yolov3.datasets.worker import Failure, child_signal_kept, one_opencv_thread, prepare_worker
from yolov3.errors import UserError
from yolov3.geometry import Geometry
from yolov3.structures import Batch, Preprocessing, Targets

PREFETCH = 2  # batches that each worker prepares ahead
PATIENCE = 300.0  # seconds with a worker that does not answer, as on a network drive that is gone
LOOK_AFTER = 2.0  # seconds without an answer after which it is looked whether the workers live


@dataclass(frozen=True)
class _Arrays:
    """What a worker sends: everything of a batch but the samples, which the main process has."""

    indices: tuple[int, ...]
    images: Tensor
    targets: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
    geometries: tuple[Geometry, ...] = ()

    def pin_memory(self) -> _Arrays:
        """The same in memory that a GPU copies from directly; the loader asks for it by this name."""
        boxes, labels, numbers, ignore, weights = (tensor.pin_memory() for tensor in self.targets)
        return replace(self, images=self.images.pin_memory(), targets=(boxes, labels, numbers, ignore, weights))


class TrainingLoader:
    """The training batches: ``for batch in loader.epoch(3)``; ``len(loader)`` batches per epoch.

    ``balance`` is the threshold of :func:`yolov3.datasets.balance.repeat_factors`, 0 shows all pictures alike.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        augment: AugmentSection,
        preprocessing: Preprocessing,
        batch_size: int,
        workers: int,
        seed: int,
        multi_scale: tuple[int, int] | None = None,
        multi_scale_every: int = 10,
        balance: float = 0.0,
        cache: PictureCache | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.dataset = dataset
        self._plans: list[BatchPlan] = []
        self._plan = dict(
            seed=seed,
            batch_size=batch_size,
            base=preprocessing.size,
            sides=multi_scale,
            every=multi_scale_every,
            rank=rank,
            world=world,
            shares=repeat_factors(dataset, balance) if balance else None,
        )
        self._close_mosaic = augment.close_mosaic
        self._length = count_batches(len(dataset), batch_size)
        work = _TrainingWork(TrainingSampleMaker(dataset, augment, seed, cache), preprocessing)
        self._loader = _make_loader(work, _PlanList(self), workers)

    def __len__(self) -> int:
        return self._length

    def epoch(self, epoch: int, *, start: int = 0, total_epochs: int | None = None) -> Iterator[Batch]:
        """The batches of epoch ``epoch`` (from 0) from number ``start`` on. ``total_epochs`` tells when the last ones,
        without mosaic and mixup, begin. Raises UserError for a picture that cannot be read."""
        mixing = total_epochs is None or epoch < total_epochs - self._close_mosaic
        self._plans = plan_epoch(len(self.dataset), epoch=epoch, mixing=mixing, **self._plan)[start:]  # type: ignore[arg-type]
        return _batches(self._loader, self.dataset, self._plans)


class EvaluationLoader:
    """The pictures of a data set in order, ``batch_size`` at a time, fitted as the model wants them and not changed
    otherwise, with the geometries that undo their fit."""

    def __init__(self, dataset: Dataset, *, preprocessing: Preprocessing, batch_size: int, workers: int) -> None:
        self.dataset = dataset
        starts = range(0, len(dataset), batch_size)
        plans = [
            BatchPlan(number, 0, tuple(range(start, min(start + batch_size, len(dataset)))), preprocessing.size)
            for number, start in enumerate(starts)
        ]
        self._plans = plans
        self._loader = _make_loader(_EvaluationWork(dataset, preprocessing), plans, min(workers, len(plans)))

    def __len__(self) -> int:
        return len(self._plans)

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self._loader, self.dataset, self._plans)


class _PlanList:
    """The plans of the epoch at hand, read anew by the workers' dispatcher at each epoch."""

    def __init__(self, loader: TrainingLoader) -> None:
        self._loader = loader

    def __iter__(self) -> Iterator[BatchPlan]:
        return iter(self._loader._plans)

    def __len__(self) -> int:
        return len(self._loader._plans)


class _TrainingWork(torch.utils.data.Dataset):
    """What a training worker does with a plan."""

    def __init__(self, maker: TrainingSampleMaker, preprocessing: Preprocessing) -> None:
        self.maker = maker
        self.preprocessing = preprocessing

    def __getitem__(self, plan: BatchPlan) -> _Arrays | Failure:
        preprocessing = replace(self.preprocessing, size=plan.size)
        try:
            samples = [
                self.maker.make(index, epoch=plan.epoch, preprocessing=preprocessing, mixing=plan.mixing)
                for index in plan.indices
            ]
        except UserError as error:
            return Failure(str(error))
        return _Arrays(plan.indices, _stack([sample.image for sample in samples]), _join_targets(samples))


class _EvaluationWork(torch.utils.data.Dataset):
    """What an evaluation worker does with a plan."""

    def __init__(self, dataset: Dataset, preprocessing: Preprocessing) -> None:
        self.dataset = dataset
        self.preprocessing = preprocessing

    def __getitem__(self, plan: BatchPlan) -> _Arrays | Failure:
        samples = [self.dataset.samples[index] for index in plan.indices]
        geometries = tuple(Geometry.fit(sample.size, self.preprocessing) for sample in samples)
        try:
            images = [geometry.apply_image(read_sample_image(s)) for geometry, s in zip(geometries, samples)]
        except UserError as error:
            return Failure(str(error))
        fitted = [
            TrainingSample(
                image, geometry.boxes_to_network(s.boxes), s.labels, s.ignore, np.ones(len(s.boxes), np.float32)
            )
            for image, geometry, s in zip(images, geometries, samples)
        ]
        return _Arrays(plan.indices, _stack(images), _join_targets(fitted), geometries)


def _stack(images: list[np.ndarray]) -> Tensor:
    """(B, 3, H, W) in the memory order of the pictures (channels last), so that nothing is shuffled about."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _join_targets(samples: list[TrainingSample]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    numbers = np.repeat(np.arange(len(samples)), [len(sample.boxes) for sample in samples])
    return (
        torch.from_numpy(np.concatenate([sample.boxes for sample in samples]).astype(np.float32)),
        torch.from_numpy(np.concatenate([sample.labels for sample in samples]).astype(np.int64)),
        torch.from_numpy(numbers.astype(np.int64)),
        torch.from_numpy(np.concatenate([sample.ignore for sample in samples]).astype(bool)),
        torch.from_numpy(np.concatenate([sample.weights for sample in samples]).astype(np.float32)),
    )


def _make_loader(work: torch.utils.data.Dataset, plans: Any, workers: int) -> DataLoader:
    return DataLoader(
        work,
        sampler=plans,
        batch_size=None,
        num_workers=workers,
        collate_fn=None,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=PREFETCH if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=prepare_worker,
        timeout=LOOK_AFTER if workers else 0,
        generator=torch.Generator(),  # else it draws from the global one, and the workers would change the training
    )


def _batches(loader: DataLoader, dataset: Dataset, plans: list[BatchPlan]) -> Iterator[Batch]:
    with one_opencv_thread(), child_signal_kept():
        answers = iter(loader)  # starts the workers, unless they live already
    for plan in plans:
        try:
            answer = _next_answer(answers)
        except RuntimeError as error:
            raise _explained(error, dataset, plan) from error
        if isinstance(answer, Failure):
            raise UserError(answer.message)
        samples = tuple(dataset.samples[index] for index in answer.indices)
        yield Batch(answer.images, Targets(*answer.targets), samples, answer.geometries)


def _next_answer(answers: Iterator[_Arrays | Failure]) -> _Arrays | Failure:
    """The next batch. Raises RuntimeError when a worker has died or PATIENCE is at its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return next(answers)
        except RuntimeError as error:
            if "timed out" not in str(error) or time.monotonic() > deadline:
                raise


def _explained(error: RuntimeError, dataset: Dataset, plan: BatchPlan) -> Exception:
    """A worker that is gone or does not answer, said so that the picture can be found; other errors as they are."""
    text = str(error)
    if "exited unexpectedly" not in text and "timed out" not in text:
        return error
    first = dataset.samples[plan.indices[0]].path
    if "timed out" in text:
        reason = f"has not answered for {PATIENCE:.0f} seconds"
    else:
        reason = f"was killed, perhaps because memory ran out ({text.splitlines()[0]}),"
    return UserError(
        f"a loader process {reason} at batch {plan.number + 1} of epoch {plan.epoch + 1}, whose first picture is {first}"
        f"; train.workers=0 reads pictures in the main process"
    )
