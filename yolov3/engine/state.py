"""Everything that decides the next step, declared once, and its way into a checkpoint and back.

Exactly this is stored: weights, optimiser, average, scaler, random states, and the counters and sums below. The order
of the pictures, their sizes and their augmentation are pure functions of (seed, epoch, batch), so a position is enough.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from yolov3.engine.averaging import WeightAverage
from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_weights


@dataclass
class Progress:
    """Where a run stands: ``epoch`` and ``batch`` come next; ``step`` updates were made."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    loss_count: int = 0
    parts: int = 1  # a batch is computed in this many times train.accumulate parts, because memory asked for it
    skipped: int = 0
    skipped_in_a_row: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    evaluations_without_gain: int = 0
    history: list[dict[str, float | int | None]] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingState:
    """The live objects of a run."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage | None
    scaler: torch.amp.GradScaler
    progress: Progress

    def as_plain(self) -> dict[str, Any]:
        """Tensors and plain values, for the ``training`` part of a checkpoint."""
        return {
            "network": self.network.state_dict() if self.average else None,
            "optimiser": self.optimiser.state_dict(),
            "average_updates": self.average.updates if self.average else None,
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, content: dict[str, Any], path: Path) -> None:
        """Take everything from a checkpoint's content. Raises UserError when it does not belong to this run."""
        training = content.get("training")
        if not training:
            raise UserError(f"{path}: holds a finished model, not a run that can be resumed (use weights/last.pt)")
        load_weights(self.network, training["network"] or content["weights"], str(path))
        if self.average:
            self.average.load_state_dict({"weights": content["weights"], "updates": training["average_updates"]})
        self.optimiser.load_state_dict(training["optimiser"])
        self.scaler.load_state_dict(training["scaler"])
        for name, value in training["progress"].items():
            setattr(self.progress, name, value)
        torch.set_rng_state(training["random"])
        if training["random_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(training["random_cuda"])
