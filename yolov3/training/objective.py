"""What a training minimises: a batch divided into parts, each with the loss of what a network makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor
from torch.nn import functional

from yolov3.assign import assign
from yolov3.batches.classification import LabelledImages
from yolov3.config.learning import LossSection
from yolov3.loss import detection_loss, loss_divisor
from yolov3.models.contract import DetectionNetwork
from yolov3.processes.world import World
from yolov3.structures import Batch

BatchKind = TypeVar("BatchKind", contravariant=True)


class Terms(Protocol):
    """The weighted terms of a loss."""

    @property
    def total(self) -> Tensor:
        """Their sum, a scalar that can be differentiated."""

    def detached(self) -> Tensor:
        """(T,) all of them without their graphs."""


@dataclass(frozen=True)
class Part:
    """A part of a batch: ``images`` (b, 3, H, W) as the network takes them, and ``loss``, the terms of what it gives back,
    as their share of the whole batch's."""

    images: Tensor
    loss: Callable[[Any], Terms]


class Objective(Protocol[BatchKind]):
    """What is minimised, and how a batch is divided for it."""

    @property
    def term_names(self) -> tuple[str, ...]:
        """Of the loss."""

    def divide(self, batch: BatchKind, images: Tensor, *, parts: int, world: World) -> list[Part]:
        """A batch, whose ``images`` lie where they are computed, in at most ``parts`` equal parts. All processes of
        the ``world`` call it together."""


class DetectionObjective:
    """The detection loss (yolov3/loss.py). Objects are assigned once for the whole batch."""

    term_names = ("box", "objectness", "classes")

    def __init__(self, network: DetectionNetwork, settings: LossSection) -> None:
        self.levels, self.num_classes, self.settings = network.levels, network.num_classes, settings

    def divide(self, batch: Batch, images: Tensor, *, parts: int, world: World) -> list[Part]:
        whole = assign(
            batch.targets.to(images.device),
            self.levels,
            self.settings,
            network_size=batch.size,
            num_classes=self.num_classes,
        )
        positives = whole.count_positives()
        if self.settings.normaliser == "positives":
            positives = world.mean(positives)
        divisor = loss_divisor(self.settings, num_images=len(images), num_positives=positives)

        def part(start: int, stop: int) -> Part:
            own = whole.of_images(start, stop) if stop - start < len(images) else whole
            return Part(
                images[start:stop],
                lambda raw: detection_loss(raw, self.levels, own, self.settings, divisor=divisor),
            )

        return [part(start, stop) for start, stop in _bounds(len(images), parts)]


@dataclass(frozen=True)
class CrossEntropy:
    """The one term of a classifier's loss."""

    total: Tensor

    def detached(self) -> Tensor:
        return self.total.detach()[None]


class ClassificationObjective:
    """The mean cross entropy of the classes."""

    term_names = ("cross entropy",)

    def divide(self, batch: LabelledImages, images: Tensor, *, parts: int, world: World) -> list[Part]:
        labels = batch.labels.to(images.device)

        def part(start: int, stop: int) -> Part:
            return Part(
                images[start:stop],
                lambda logits: CrossEntropy(
                    functional.cross_entropy(logits.float(), labels[start:stop], reduction="sum") / len(images)
                ),
            )

        return [part(start, stop) for start, stop in _bounds(len(images), parts)]


def _bounds(count: int, parts: int) -> list[tuple[int, int]]:
    step = -(-count // parts)
    return [(start, min(start + step, count)) for start in range(0, count, step)]
