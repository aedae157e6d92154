"""What a network costs: parameters, and operations for one picture."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from yolov3.structures import Size


def count_parameters(network: nn.Module) -> int:
    """The trainable numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_operations(network: nn.Module, size: Size) -> int:
    """Floating point operations of the convolutions and linear layers for one picture of ``size`` (height, width), a
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
