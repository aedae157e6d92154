"""Everything that decides the next step, declared once, and its way into a checkpoint and back.

Exactly this is stored: weights, optimiser, average, scaler, random states, and the counters and sums below. The order
of the images, their sizes and their augmentation are pure functions of (seed, epoch, batch), so a position is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from yolov3.errors import UserError
from yolov3.formats.checkpoint import check_weights
from yolov3.journal.rows import EpochRow
from yolov3.journal.stored import check_stored
from yolov3.training.averaging import WeightAverage


@dataclass(kw_only=True)
class Progress:
    """Where a run stands: ``epoch`` and ``batch`` come next; ``step`` updates were made. ``loss_sums`` has a sum per term
    of the loss over the ``loss_count`` steps of the epoch so far; the order is drawn from so many ``images`` (0: not noted,
    in checkpoints from before it was)."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sums: list[float]
    loss_count: int = 0
    parts: int = 1  # a batch is computed in this many times train.accumulate parts, because memory asked for it
    skipped: int = 0
    skipped_in_a_row: int = 0
    images: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    evaluations_without_gain: int = 0
    history: list[EpochRow] = field(default_factory=list)

    def add_losses(self, losses: list[float]) -> None:
        """Count the terms of one more step."""
        self.loss_sums = [total + term for total, term in zip(self.loss_sums, losses, strict=True)]
        self.loss_count += 1

    def mean_losses(self) -> list[float]:
        """The mean of each term over the steps of the epoch so far; 0 where there were none."""
        return [total / max(1, self.loss_count) for total in self.loss_sums]

    def next_epoch(self) -> None:
        """Stand at the beginning of the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.loss_sums, self.loss_count = [0.0] * len(self.loss_sums), 0

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "history": [row.as_plain() for row in self.history]}

    def restore(self, values: dict[str, Any], row_kind: type[EpochRow]) -> None:
        """Stand where :meth:`as_plain` was asked."""
        own_images = self.images
        for name, value in values.items():
            setattr(self, name, value)
        self.images = values.get("images") or own_images
        self.history = [row_kind.from_plain(row) for row in values["history"]]


@dataclass(frozen=True)
class TrainingState:
    """The live objects of a run."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage | None
    scaler: torch.amp.GradScaler
    progress: Progress

    @property
    def judged(self) -> nn.Module:
        """The network that is measured and shipped: the average, where there is one."""
        return self.average.network if self.average else self.network

    def as_plain(self) -> dict[str, Any]:
        """Tensors and plain values, for the ``training`` part of a checkpoint."""
        return {
            "network": self.network.state_dict() if self.average else None,
            "optimiser": self.optimiser.state_dict(),
            "average_updates": self.average.updates if self.average else None,
            "scaler": self.scaler.state_dict(),
            "progress": self.progress.as_plain(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, content: dict[str, Any], path: Path, row_kind: type[EpochRow]) -> None:
        """Take everything from a checkpoint's content. Raises UserError, and changes nothing, when it does not belong to this
        run or is damaged."""
        training = content.get("training")
        if not training or "progress" not in training:
            raise UserError(f"{path}: holds a finished model, not a run that can be resumed (use weights/last.pt)")
        own = training.get("network")
        weights = content["weights"] if own is None else own
        check_weights(self.network, weights, str(path))
        check_weights(self.network, content["weights"], str(path))
        parameters = [each for group in self.optimiser.param_groups for each in group["params"]]
        check_stored(training, self.as_plain(), parameters, row_kind, path)
        self.network.load_state_dict(weights)
        if self.average:
            self.average.restore(content["weights"], int(training["average_updates"]))
        self.optimiser.load_state_dict(training["optimiser"])
        self.scaler.load_state_dict(training["scaler"])
        self.progress.restore(training["progress"], row_kind)
        torch.set_rng_state(training["random"])
        if training["random_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(training["random_cuda"])
