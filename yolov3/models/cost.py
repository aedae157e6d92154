"""What a network costs: parameters, and operations for one image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import VARIANTS, YOLOv3
from yolov3.structures import Size

CLASSIFIER_SIDE, CLASSIFIER_CLASSES = 256, 1000


@dataclass(frozen=True)
class NetworkCost:
    """A network, its classes, the side of its input, the strides of its maps, its parameters, and its floating point
    operations for one image."""

    name: str
    num_classes: int
    side: int
    strides: tuple[int, ...]
    parameters: int
    operations: int

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "strides": list(self.strides)}


def list_networks(*, side: int, num_classes: int, width: float) -> list[NetworkCost]:
    """What our detectors cost with an input of ``side`` and so many classes, and the classifier as it was published."""
    with torch.device("meta"):
        detectors = {name: YOLOv3(num_classes=num_classes, variant=name, width=width) for name in VARIANTS}
        classifier = Darknet53Classifier(num_classes=CLASSIFIER_CLASSES, width=width)
    rows = [
        NetworkCost(
            name,
            network.num_classes,
            side,
            tuple(level.stride for level in network.levels),
            count_parameters(network),
            count_operations(network, (side, side)),
        )
        for name, network in detectors.items()
    ]
    operations = count_operations(classifier, (CLASSIFIER_SIDE, CLASSIFIER_SIDE))
    last = NetworkCost(
        "darknet53 (classifier)", CLASSIFIER_CLASSES, CLASSIFIER_SIDE, (32,), count_parameters(classifier), operations
    )
    return [*rows, last]


def count_parameters(network: nn.Module) -> int:
    """The trainable numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_operations(network: nn.Module, size: Size) -> int:
    """Floating point operations of the convolutions and linear layers for one image of ``size`` (height, width), a
    multiplication and an addition counted as two, as Darknet does. The network may lie on the meta device, where
    nothing is computed."""
    device = next(network.parameters()).device
    training = network.training
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.eval()(torch.zeros(1, 3, *size, device=device))
    finally:
        network.train(training)
    return counter.get_total_flops()
