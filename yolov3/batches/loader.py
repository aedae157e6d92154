"""Batches made by worker processes, whatever they are made of.

A worker is asked for a whole batch by its plan and answers with its arrays, so the number of workers changes nothing
but the speed. What goes wrong in a worker for a reason the user can mend comes back as a value and is raised here, in
one line. Workers live as long as the loader.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from yolov3.batches import worker
from yolov3.batches.patience import LostWorkers, Patience, kill
from yolov3.batches.plan import BatchPlan, EpochSettings, count_batches, plan_epoch
from yolov3.batches.worker import Failure, Preparation, child_signal_kept, one_opencv_thread, signals_held_back
from yolov3.errors import UserError
from yolov3.geometry import Geometry

PREFETCH = 2  # batches that each worker prepares ahead

BatchKind = TypeVar("BatchKind", covariant=True)

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Piped:
    """The same, through a pipe instead of memory that processes share, because of that only ``free`` bytes are left."""

    indices: tuple[int, ...]
    images: np.ndarray
    known: tuple[np.ndarray, ...]
    geometries: tuple[Geometry, ...]
    free: int

    def arrays(self) -> Arrays:
        """As they were."""
        known = tuple(torch.from_numpy(part) for part in self.known)
        return Arrays(self.indices, torch.from_numpy(self.images), known, self.geometries)


class Work(torch.utils.data.Dataset, Generic[BatchKind]):
    """What is done with a plan: the long part by a worker, the rest in the main process."""

    workers = 0
    """The processes that do it."""

    @abstractmethod
    def make(self, plan: BatchPlan) -> Arrays:
        """In a worker: read the images of a batch. Raises UserError for one that cannot be read."""

    @abstractmethod
    def finish(self, arrays: Arrays) -> BatchKind:
        """In the main process: the batch."""

    @abstractmethod
    def path_of(self, index: int) -> Path:
        """The file of an image, for messages."""

    def __getitem__(self, plan: BatchPlan) -> Arrays | Piped | Failure:
        try:
            arrays = self.make(plan)
        except UserError as error:
            return Failure(str(error))
        if self.workers:
            free = worker.free_shared_memory()
            processes = self.workers * int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            if free is not None and free < PREFETCH * processes * arrays.images.nbytes:
                known = tuple(part.numpy() for part in arrays.known)
                return Piped(arrays.indices, arrays.images.numpy(), known, arrays.geometries, free)
        return arrays


class BatchLoader(Generic[BatchKind]):
    """Makes the batches of whatever plans it is given: ``loader.batches(plans)``, one run at a time."""

    def __init__(self, work: Work[BatchKind], workers: int) -> None:
        self._work = work
        self._plans = _PlanList()
        self._preparation = Preparation()
        self._processes: list[BaseProcess] = []
        work.workers = workers
        self._loader: DataLoader[Any] = DataLoader(
            work,
            sampler=self._plans,
            batch_size=None,
            num_workers=workers,
            collate_fn=None,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=PREFETCH if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=self._preparation,
            generator=torch.Generator(),  # else it draws from the global one, and the workers would change the training
        )

    def batches(self, plans: list[BatchPlan]) -> Iterator[BatchKind]:
        """The batches of the plans, in their order. Raises UserError for an image that cannot be read and for a worker
        that is gone or does not answer; the loader is of no more use then."""
        self._plans.current = plans
        if not self._work.workers:
            for answer in self._loader:
                yield self._finished(answer)
            return
        with Patience(self._processes) as patience:
            with patience.waiting(), self._explained(patience, plans[0] if plans else None):
                answers = self._begin()
            for plan in plans:
                with patience.waiting(), self._explained(patience, plan):
                    answer = next(answers)
                yield self._finished(answer)

    def _begin(self) -> Iterator[Arrays | Piped | Failure]:
        """Start the workers, unless they live already, and ask them."""
        _require_semaphores()
        before = multiprocessing.active_children()
        self._preparation.note_parent()
        with one_opencv_thread(), child_signal_kept(), signals_held_back():
            answers = iter(self._loader)
        new = [each for each in multiprocessing.active_children() if each not in before]
        if new:
            self._processes += new
            # Before multiprocessing, at the end of the program, waits for them; one that is stopped never ends by itself.
            Finalize(answers, kill, args=(self._processes,), exitpriority=0)
        return answers

    def _finished(self, answer: Arrays | Piped | Failure) -> BatchKind:
        if isinstance(answer, Failure):
            raise UserError(answer.message)
        if isinstance(answer, Piped):
            logger.warning(
                "%s has %d MB left, too little for batches of %d MB from several processes: they come through pipes, which "
                "is slower (Docker gives more with --shm-size)",
                worker.SHARED_MEMORY,
                answer.free // 2**20,
                answer.images.nbytes // 2**20,
            )
            answer = answer.arrays()
        return self._work.finish(answer)

    def _explained(self, patience: Patience, plan: BatchPlan | None) -> LostWorkers:
        first = None if plan is None else self._work.path_of(plan.indices[0])
        return LostWorkers(self._processes, patience, plan, first)


class EpochLoader(Generic[BatchKind]):
    """The batches of a training: ``for batch in loader.epoch(3)``; ``len(loader)`` of them per epoch. In the last
    ``close_mosaic`` epochs no images are joined. ``num_samples`` images are dealt out."""

    def __init__(
        self, work: Work[BatchKind], *, num_samples: int, settings: EpochSettings, workers: int, close_mosaic: int = 0
    ) -> None:
        self.num_samples, self._settings, self._close_mosaic = num_samples, settings, close_mosaic
        self._loader = BatchLoader(work, workers)

    def __len__(self) -> int:
        return count_batches(self.num_samples, self._settings.batch_size)

    def epoch(self, epoch: int, *, start: int = 0, total_epochs: int | None = None) -> Iterator[BatchKind]:
        """The batches of epoch ``epoch`` (from 0) from number ``start`` on. ``total_epochs`` tells when the last ones,
        without mosaic and mixup, begin. Raises UserError for an image that cannot be read."""
        mixing = total_epochs is None or epoch < total_epochs - self._close_mosaic
        plans = plan_epoch(self.num_samples, self._settings, epoch=epoch, mixing=mixing)
        return self._loader.batches(plans[start:])


class OrderedLoader(Generic[BatchKind]):
    """The same batches every time, in their order; ``indices`` are the numbers of their images in the data set, ``batches``
    the same by batches."""

    def __init__(self, work: Work[BatchKind], plans: list[BatchPlan], workers: int) -> None:
        self._plans = plans
        self.batches = [plan.indices for plan in plans]
        self.indices = [index for batch in self.batches for index in batch]
        self._loader = BatchLoader(work, min(workers, len(plans)))

    def __len__(self) -> int:
        return len(self._plans)

    def __iter__(self) -> Iterator[BatchKind]:
        return self._loader.batches(self._plans)


def _require_semaphores() -> None:
    """Raise UserError where the system has none to give, as under a limit of files; torch would leave half a loader."""
    try:
        multiprocessing.Lock()
    except OSError as error:
        raise UserError(
            f"loader processes cannot be started: the system gives no semaphore ({error.strerror}); train.workers=0 reads "
            "images in the main process"
        ) from error


class _PlanList:
    """The plans at hand, read anew by the workers' dispatcher at each run."""

    def __init__(self) -> None:
        self.current: list[BatchPlan] = []

    def __iter__(self) -> Iterator[BatchPlan]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)
