"""What the steps of a training cost, and what is to be said of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from yolov3.checks.finding import Finding
from yolov3.structures import Size
from yolov3.watching.words import counted, duration

SAFE_SHARE = 0.9
"""Of the memory that is free; others want some too, and the loader's processes have theirs."""

GIB = 1024**3


@dataclass(frozen=True)
class Memory:
    """Bytes of memory in a step at the largest size: with ``one`` image and with ``two`` (measured); with all images of a part
    of the batch (``whole``), measured or drawn on from these two (``is_measured``); ``free`` for it, None where unknown."""

    one: int
    two: int
    whole: int
    is_measured: bool
    free: int | None

    @property
    def each(self) -> int:
        """What one more image takes."""
        return max(1, self.two - self.one)

    @property
    def suffices(self) -> bool:
        """Whether there is enough."""
        return self.free is None or self.whole <= SAFE_SHARE * self.free

    def most_images(self) -> int:
        """How many images at once there is enough for; 0: not for one."""
        if self.free is None:
            return 2**31
        room = SAFE_SHARE * self.free - self.one
        return 0 if room < 0 else 1 + int(room / self.each)


def drawn_on(one: int, two: int, images: int) -> int:
    """The memory for so many images, from that for one and for two: activations grow with the images, weights do not."""
    return one + (images - 1) * max(0, two - one)


@dataclass(frozen=True)
class TrainingCost:
    """What a training costs: at which ``place`` (device and precision), with batches of ``batch`` images in ``parts``, the
    largest of which have ``size`` (height, width); its ``memory``; ``images_per_second``, ``seconds`` of an epoch, how many
    ``epochs``; whether reading the images was measured too (``with_reading``)."""

    place: str
    size: Size
    batch: int
    parts: int
    memory: Memory
    images_per_second: float
    seconds: float
    epochs: int
    with_reading: bool

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        memory = {**asdict(self.memory), "suffices": self.memory.suffices}
        return {**asdict(self), "size": list(self.size), "memory": memory}

    @staticmethod
    def from_plain(values: dict[str, Any]) -> TrainingCost:
        """What :meth:`as_plain` made."""
        memory = Memory(**{name: value for name, value in values["memory"].items() if name != "suffices"})
        height, width = values["size"]
        return TrainingCost(**{**values, "size": (height, width), "memory": memory})

    def findings(self) -> Iterator[Finding]:
        """What it costs, and a warning where memory will not suffice."""
        if not self.memory.suffices:
            yield self._short()
        reading = "" if self.with_reading else ", reading the images not counted"
        times = (
            f"an epoch takes about {duration(self.seconds)} ({self.images_per_second:.3g} images/s on {self.place}{reading}), "
            f"{counted(self.epochs, 'epoch')} about {duration(self.epochs * self.seconds)}, evaluations besides"
        )
        yield Finding(
            "training-cost", "note", f"{times}; {self._needs()}", (), 1,
            "as long as this machine is as busy as now", "nothing, if there is so much time",
        )  # fmt: skip

    def _needs(self) -> str:
        of = f"{counted(math.ceil(self.batch / self.parts), 'image')} of {self.size[1]}x{self.size[0]}"
        how = "" if self.memory.is_measured else ", drawn on from one and two images"
        free = "" if self.memory.free is None else f" of the {self.memory.free / GIB:.1f} GiB that are free"
        return f"a step of {of} needs {self.memory.whole / GIB:.1f} GiB{free}{how}"

    def _short(self) -> Finding:
        most = self.memory.most_images()
        parts = next((n for n in range(1, self.batch + 1) if self.batch % n == 0 and self.batch // n <= most), None)
        advice = "not one image has room: a smaller model.image_size, train.multi_scale or model.width"
        if parts is not None:
            advice = (
                f"train.accumulate={parts} computes a batch in parts of {counted(self.batch // parts, 'image')}; "
                f"or train.batch_size={most}"
            )
        return Finding(
            "memory-short", "warning", f"{self._needs()}: more than {SAFE_SHARE:.0%} of it", (), 1,
            "the machine may end the training at its largest batch, or becomes slow", advice,
        )  # fmt: skip
