"""What a runtime gives: the objectness of every place of a batch, and what was found at the places that are asked about.

Legend: B images, N places of all levels, C classes, K places that somebody asks about. Of thousands of places a handful
are worth a look, so whoever selects looks at the objectness first, and only those few need to be decoded at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor


class Predictions(Protocol):
    """The predictions of a batch. Boxes are xyxy pixels of the network's input, probabilities lie in [0, 1], all is
    float32 and on one device."""

    @property
    def objectness(self) -> Tensor:
        """(B, N): how probable it is that there is something at all."""

    @property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite."""

    def at(self, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes (K, 4) and the classes (K, C), as probabilities, of ``places`` (K,) in ``images`` (K,), both int64 on
        the predictions' device."""


@dataclass(frozen=True)
class DensePredictions:
    """All places decoded: ``boxes`` (B, N, 4), ``objectness`` (B, N), ``classes`` (B, N, C)."""

    boxes: Tensor
    objectness: Tensor
    classes: Tensor

    @cached_property
    def num_nonfinite(self) -> int:
        """How many places hold a number that is not finite."""
        parts = (self.boxes, self.objectness, self.classes)
        # A sum is one cheap pass and is finite only when every term is (unless it overflows, and then we look closer).
        if bool(torch.stack([part.sum() for part in parts]).isfinite().all()):
            return 0
        finite = self.objectness.isfinite() & self.boxes.isfinite().all(-1) & self.classes.isfinite().all(-1)
        return int((~finite).sum())

    def at(self, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes (K, 4) and the classes (K, C) of places (K,) in images (K,)."""
        return self.boxes[images, places], self.classes[images, places]

    @staticmethod
    def join(parts: Sequence[DensePredictions]) -> DensePredictions:
        """Those of several batches as one."""
        return DensePredictions(
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.objectness for part in parts]),
            torch.cat([part.classes for part in parts]),
        )
