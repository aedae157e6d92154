"""The bricks of Darknet-53 and its relatives (Redmon and Farhadi 2018).

Legend: B images, C channels, H W cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAKY_SLOPE = 0.1
BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.01
"""Share of the newest batch in the running statistics; Darknet keeps 0.99 of the old."""


def scaled(channels: int, width: float) -> int:
    """Channels of a layer of a network whose width is a factor of the published one."""
    return max(2, round(channels * width))  # a residual block halves them once


class Conv(nn.Module):
    """Convolution without bias, batch norm, leaky ReLU: (B, in, H, W) to (B, out, H/stride, W/stride)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        )
        self.normalisation = nn.BatchNorm2d(out_channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)
        self.activation = nn.LeakyReLU(LEAKY_SLOPE, inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.normalisation(self.convolution(features)))


class ConvResidual(nn.Module):
    """Squeeze by a 1x1 convolution to half the channels, widen by a 3x3 one, add the input."""

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.squeeze = Conv(channels, hidden_channels, 1)
        self.widen = Conv(hidden_channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.widen(self.squeeze(features))


class SpatialPyramidPooling(nn.Module):
    """Max pools of several sizes beside the input: (B, C, H, W) to (B, 4C, H, W), order [13, 9, 5, input] as in
    yolov3-spp.cfg."""

    SIZES = (13, 9, 5)

    def forward(self, features: Tensor) -> Tensor:
        # Three 5-pools in a row see exactly 5, 9 and 13 cells: the same maxima for a third of the comparisons.
        five = functional.max_pool2d(features, 5, stride=1, padding=2)
        nine = functional.max_pool2d(five, 5, stride=1, padding=2)
        thirteen = functional.max_pool2d(nine, 5, stride=1, padding=2)
        return torch.cat((thirteen, nine, five, features), dim=1)


class StrideOneMaxPool(nn.Module):
    """The 2x2 max pool of stride 1 in yolov3-tiny: keeps the size; past the right and bottom edge lies -inf.

    Padding with zeros, as most ports do, is wrong wherever the edge is negative.
    """

    def forward(self, features: Tensor) -> Tensor:
        return functional.max_pool2d(repeat_edges(features, (0, 1), (0, 1)), 2, stride=1)


def repeat_edges(features: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """(B, C, H, W) with its first and last row and column repeated so many times (before, after).

    For a max pool whose windows all hold a cell of the map these are the same maxima as with -inf, and finite for
    exporters. It is not torch's own padding, whose gradient torch.compile expects in another memory layout.
    """
    for axis, (before, after) in ((2, rows), (3, columns)):
        if before or after:
            first, last = features.narrow(axis, 0, 1), features.narrow(axis, features.shape[axis] - 1, 1)
            features = torch.cat((*[first] * before, features, *[last] * after), dim=axis)
    return features


def initialise_convolutions(module: nn.Module) -> None:
    """He's normal initialisation for every convolution (fan-in, leaky ReLU), as Darknet's; biases zero. Those without
    memory (device ``meta``) stay as they are: torch would load its compiler to draw nothing."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and not part.weight.is_meta:
            nn.init.kaiming_normal_(part.weight, a=LEAKY_SLOPE, mode="fan_in", nonlinearity="leaky_relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def give_memory(network: nn.Module) -> None:
    """Give a network without memory (device ``meta``) memory on the CPU, with nothing in it yet. torch's own ``to_empty``
    does the same, and loads an algebra system of a hundred megabytes for it."""
    for part in network.modules():
        for name, old in list(part.named_parameters(recurse=False)):
            new = nn.Parameter(torch.empty(old.shape, dtype=old.dtype, device="cpu"), requires_grad=old.requires_grad)
            setattr(part, name, new)
        for name, buffer in list(part.named_buffers(recurse=False)):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu"))


def initialise_small(weight: Tensor) -> None:
    """Small normal weights for a last layer, whose answers shall be its biases at first."""
    if not weight.is_meta:
        nn.init.normal_(weight, std=0.01)
