"""What is learned: the strategy behind the one training loop. A detector's is in detection.py, a classifier's in
classification.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from torch import nn

from yolov3.batches.loader import EpochLoader
from yolov3.journal.rows import EpochRow
from yolov3.structures import ModelMeaning, Size
from yolov3.training.objective import Objective
from yolov3.training.place import Place
from yolov3.watching.tables import NumberTable

BatchKind = TypeVar("BatchKind")


@dataclass(frozen=True)
class Scores:
    """How good the weights of a run are: ``best`` decides which are kept, larger is better."""

    best: float


@dataclass(frozen=True)
class EpochEnd:
    """What the loop knows of an epoch (counted from 1) at its end: the mean of each term of the loss, the scores of the
    weights where they were measured, the learning rate, and the steps that were skipped so far."""

    epoch: int
    losses: Sequence[float]
    scores: Scores | None
    learning_rate: float
    skipped: int


class Task(ABC, Generic[BatchKind]):
    """A network to be trained (``network``), what its numbers mean, how its batches are made and what is minimised."""

    network: nn.Module
    meaning: ModelMeaning
    loader: EpochLoader[BatchKind]
    objective: Objective[BatchKind]
    row_kind: type[EpochRow]
    experiment: dict[str, Any]
    """The settings as plain values, as a checkpoint stores them."""
    backbone: nn.Module | None = None
    """What train.freeze_backbone holds still."""

    @abstractmethod
    def describe(self) -> list[str]:
        """What will be learned from, a line each."""

    def notes(self) -> list[str]:
        """What to know or to beware of, a line each."""
        return []

    def record(self, folder: Path) -> None:
        """Write into a run's new folder what it must remember; the settings may then name it."""

    @abstractmethod
    def judge(self, network: nn.Module, place: Place, check: Callable[[], None]) -> Scores:
        """Measure a network, all processes together. ``check`` is called now and then and may leave by an exception."""

    @abstractmethod
    def row(self, end: EpochEnd) -> EpochRow:
        """The epoch's row of the results."""

    @abstractmethod
    def numbers(self, row: EpochRow) -> str:
        """The row for people."""

    @abstractmethod
    def largest_batch(self, count: int, size: Size) -> BatchKind:
        """A batch of so many images of that size which takes as much memory as any."""

    def batch_sheet(self, batch: BatchKind) -> np.ndarray | None:
        """An image that shows what the network is fed, or None."""
        return None

    def score_sheet(self, scores: Scores) -> np.ndarray | None:
        """An image that shows what the network finds, or None."""
        return None

    def class_scores(self, scores: Scores) -> dict[str, float | None]:
        """A score for each class, by its name."""
        return {}

    def table(self, scores: Scores) -> NumberTable | None:
        """A table for the end of the run, or None."""
        return None
