"""Where the time goes between a file and its detections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal

Stage = Literal["reading", "fitting", "network", "selecting", "writing"]


@dataclass
class StageTimes:
    """Seconds spent in each stage, and the ``images`` that went through all of them. ``reading`` counts the waiting for
    images, however many read them; ``selecting`` is what happens from predictions to detections."""

    reading: float = 0.0
    fitting: float = 0.0
    network: float = 0.0
    selecting: float = 0.0
    writing: float = 0.0
    images: int = 0

    @contextmanager
    def spent_in(self, stage: Stage) -> Iterator[None]:
        """Counts the time within to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + time.perf_counter() - start)

    def add(self, other: StageTimes) -> None:
        """Count another's seconds and images too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def share(self, processes: int) -> None:
        """The seconds are those of so many processes at once: make them those that passed."""
        for each in fields(self):
            if each.name != "images":
                setattr(self, each.name, getattr(self, each.name) / processes)

    def milliseconds(self, stage: Stage) -> float:
        """Of one image, on average."""
        seconds: float = getattr(self, stage)
        return 1000 * seconds / max(1, self.images)

    @property
    def images_per_second(self) -> float:
        """By the sum of all stages."""
        total = self.reading + self.fitting + self.network + self.selecting + self.writing
        return self.images / max(total, 1e-9)
