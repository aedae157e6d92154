"""Batches made by worker processes, whatever they are made of.

A worker is asked for a whole batch by its plan and answers with its arrays, so the number of workers changes nothing
but the speed. What goes wrong in a worker for a reason the user can mend comes back as a value and is raised here, in
one line. Workers live as long as the loader.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from yolov3.batches.plan import BatchPlan, EpochSettings, count_batches, plan_epoch
from yolov3.batches.worker import Failure, child_signal_kept, one_opencv_thread, prepare_worker
from yolov3.errors import UserError
from yolov3.geometry import Geometry

PREFETCH = 2  # batches that each worker prepares ahead
PATIENCE = 300.0  # seconds with a worker that does not answer, as on a network drive that is gone
LOOK_AFTER = 2.0  # seconds without an answer after which it is looked whether the workers live

BatchKind = TypeVar("BatchKind", covariant=True)


@dataclass(frozen=True)
class Arrays:
    """What a worker sends: the images (B, 3, H, W), what is known of them, the geometries that undo their fit. All else of
    a batch the main process has."""

    indices: tuple[int, ...]
    images: Tensor
    known: tuple[Tensor, ...]
    geometries: tuple[Geometry, ...] = ()

    def pin_memory(self) -> Arrays:
        """The same in memory that a GPU copies from directly; torch's loader asks for it by this name."""
        return replace(self, images=self.images.pin_memory(), known=tuple(part.pin_memory() for part in self.known))


class Work(torch.utils.data.Dataset, Generic[BatchKind]):
    """What is done with a plan: the long part by a worker, the rest in the main process."""

    @abstractmethod
    def make(self, plan: BatchPlan) -> Arrays:
        """In a worker: read the images of a batch. Raises UserError for one that cannot be read."""

    @abstractmethod
    def finish(self, arrays: Arrays) -> BatchKind:
        """In the main process: the batch."""

    @abstractmethod
    def path_of(self, index: int) -> Path:
        """The file of an image, for messages."""

    def __getitem__(self, plan: BatchPlan) -> Arrays | Failure:
        try:
            return self.make(plan)
        except UserError as error:
            return Failure(str(error))


class BatchLoader(Generic[BatchKind]):
    """Makes the batches of whatever plans it is given: ``loader.batches(plans)``, one run at a time."""

    def __init__(self, work: Work[BatchKind], workers: int) -> None:
        self._work = work
        self._plans = _PlanList()
        self._loader = DataLoader(
            work,
            sampler=self._plans,
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

    def batches(self, plans: list[BatchPlan]) -> Iterator[BatchKind]:
        """The batches of the plans, in their order. Raises UserError for an image that cannot be read and for a worker
        that is gone."""
        self._plans.current = plans
        with one_opencv_thread(), child_signal_kept():
            answers = iter(self._loader)  # starts the workers, unless they live already
        for plan in plans:
            try:
                answer = _next_answer(answers)
            except RuntimeError as error:
                raise _explained(error, plan, self._work.path_of(plan.indices[0])) from error
            if isinstance(answer, Failure):
                raise UserError(answer.message)
            yield self._work.finish(answer)


class EpochLoader(Generic[BatchKind]):
    """The batches of a training: ``for batch in loader.epoch(3)``; ``len(loader)`` of them per epoch. In the last
    ``close_mosaic`` epochs no images are joined."""

    def __init__(
        self, work: Work[BatchKind], *, num_samples: int, settings: EpochSettings, workers: int, close_mosaic: int = 0
    ) -> None:
        self._num_samples, self._settings, self._close_mosaic = num_samples, settings, close_mosaic
        self._loader = BatchLoader(work, workers)

    def __len__(self) -> int:
        return count_batches(self._num_samples, self._settings.batch_size)

    def epoch(self, epoch: int, *, start: int = 0, total_epochs: int | None = None) -> Iterator[BatchKind]:
        """The batches of epoch ``epoch`` (from 0) from number ``start`` on. ``total_epochs`` tells when the last ones,
        without mosaic and mixup, begin. Raises UserError for an image that cannot be read."""
        mixing = total_epochs is None or epoch < total_epochs - self._close_mosaic
        plans = plan_epoch(self._num_samples, self._settings, epoch=epoch, mixing=mixing)
        return self._loader.batches(plans[start:])


class OrderedLoader(Generic[BatchKind]):
    """The same batches every time, in their order; ``indices`` are the numbers of their images in the data set."""

    def __init__(self, work: Work[BatchKind], plans: list[BatchPlan], workers: int) -> None:
        self._plans = plans
        self.indices = [index for plan in plans for index in plan.indices]
        self._loader = BatchLoader(work, min(workers, len(plans)))

    def __len__(self) -> int:
        return len(self._plans)

    def __iter__(self) -> Iterator[BatchKind]:
        return self._loader.batches(self._plans)


class _PlanList:
    """The plans at hand, read anew by the workers' dispatcher at each run."""

    def __init__(self) -> None:
        self.current: list[BatchPlan] = []

    def __iter__(self) -> Iterator[BatchPlan]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)


def _next_answer(answers: Iterator[Arrays | Failure]) -> Arrays | Failure:
    """The next batch. Raises RuntimeError when a worker has died or PATIENCE is at its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return next(answers)
        except RuntimeError as error:
            if "timed out" not in str(error) or time.monotonic() > deadline:
                raise


def _explained(error: RuntimeError, plan: BatchPlan, first: Path) -> Exception:
    """A worker that is gone or does not answer, said so that the image can be found; other errors as they are."""
    text = str(error)
    if "exited unexpectedly" not in text and "timed out" not in text:
        return error
    if "timed out" in text:
        reason = f"has not answered for {PATIENCE:.0f} seconds"
    else:
        reason = f"was killed, perhaps because memory ran out ({text.splitlines()[0]}),"
    return UserError(
        f"a loader process {reason} at batch {plan.number + 1} of epoch {plan.epoch + 1}, whose first image is {first}"
        f"; train.workers=0 reads images in the main process"
    )
