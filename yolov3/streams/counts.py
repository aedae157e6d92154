"""How a live source does: what came of it, how late, where the time went. In memory that does not grow."""

from __future__ import annotations

from dataclasses import dataclass, field

from yolov3.sources.frames import Frame
from yolov3.watching.quantiles import Quantiles
from yolov3.watching.words import counted

STAGES = ("waiting", "fitting", "network", "selecting")
"""From a frame's capture until it is taken; then until the images of all streams are fitted, computed, and have boxes."""


@dataclass(frozen=True)
class StreamSummary:
    """A live source: ``frames`` that were looked at in so many ``seconds`` from the first to the last, ``passed_over`` in
    between, how often its connection was made again and its image stood still, the median and the 95th percentile of the
    delay in seconds, and the median of each of the STAGES in seconds. The quantiles are NaN where no frame came."""

    name: str
    frames: int
    seconds: float
    passed_over: int
    reconnects: int
    frozen: int
    delay: float
    late_delay: float
    stages: dict[str, float]

    @property
    def rate(self) -> float:
        """Frames a second that were looked at."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else 0.0

    def line(self) -> str:
        """Such as ``rtsp://camera/1: 250 frames, 3 passed over, 1 reconnect, delay 41 ms, of one in twenty over 63 ms``."""
        text = f"{self.name}: {counted(self.frames, 'frame')}, {self.passed_over} passed over"
        text += f", {counted(self.reconnects, 'reconnect')}"
        if self.frames:
            delays = f"{1000 * self.delay:.0f} ms, of one in twenty over {1000 * self.late_delay:.0f} ms"
            text += f", delay {delays}"
        return text


@dataclass
class StreamCounts:
    """What is counted of a live source while it runs."""

    frames: int = 0
    passed_over: int = 0
    reconnects: int = 0
    frozen: int = 0
    delays: Quantiles = field(default_factory=Quantiles)
    stages: dict[str, Quantiles] = field(default_factory=lambda: {stage: Quantiles() for stage in STAGES})
    first: float = 0.0
    last: float = 0.0

    def add(self, frame: Frame, delay: float) -> None:
        """Count a frame that was looked at, and its delay in seconds."""
        assert frame.instant is not None
        self.first = self.first or frame.instant.monotonic
        self.last = frame.instant.monotonic
        self.frames += 1
        self.passed_over += frame.passed_over
        self.delays.add(delay)

    def summary(self, name: str) -> StreamSummary:
        """What they came to."""
        stages = {stage: quantiles.at(0.5) for stage, quantiles in self.stages.items()}
        return StreamSummary(
            name=name,
            frames=self.frames,
            seconds=self.last - self.first,
            passed_over=self.passed_over,
            reconnects=self.reconnects,
            frozen=self.frozen,
            delay=self.delays.at(0.5),
            late_delay=self.delays.at(0.95),
            stages=stages,
        )
