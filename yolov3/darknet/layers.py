"""The layers of Darknet's language as modules, each made from its record of a plan.

Where the two branches of Darknet agree their arithmetic is followed to the letter; conventions are those of the C
sources (convolutional_layer.c, maxpool_layer.c, blas.c, ...), expressed with PyTorch's operations.

Legend: B images, C channels, H W cells, A anchors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolov3.darknet import plan as plans
from yolov3.darknet.plan import LayerPlan, Shape
from yolov3.models.head import split_anchors
from yolov3.models.layers import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, LEAKY_SLOPE, repeat_edges

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "leaky": lambda: nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
    "logistic": nn.Sigmoid,
    "mish": lambda: nn.Mish(inplace=True),
    "swish": lambda: nn.SiLU(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
}
"""Every activation works on a tensor that its layer has just made, so it may do so in place."""


class DarknetConvolution(nn.Module):
    """Convolution; batch norm, or a bias of its own; activation."""

    def __init__(self, plan: plans.ConvolutionPlan, in_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels,
            plan.filters,
            plan.size,
            stride=plan.stride,
            padding=plan.padding * plan.dilation,
            dilation=plan.dilation,
            groups=plan.groups,
            bias=not plan.batch_normalise,
        )
        self.normalisation = _batch_norm(plan.filters) if plan.batch_normalise else nn.Identity()
        self.activation = ACTIVATIONS[plan.activation]()

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.normalisation(self.convolution(features)))


class DarknetBatchNorm(nn.Module):
    """A batch norm on its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.normalisation = _batch_norm(channels)

    def forward(self, features: Tensor) -> Tensor:
        return self.normalisation(features)


class Shortcut(nn.Module):
    """Adds the other maps to the first. Maps of other shapes meet as Darknet lets them: the channels both have, and
    of the larger map every n-th cell."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()

    def forward(self, current: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            current = current + other if current.shape == other.shape else _add_shared(current, other)
        return self.activation(current)


class Route(nn.Module):
    """Concatenates maps along the channels; with groups, the same part of each."""

    def __init__(self, groups: int, group: int) -> None:
        super().__init__()
        self.groups, self.group = groups, group

    def forward(self, *maps: Tensor) -> Tensor:
        if self.groups > 1:
            maps = tuple(features.chunk(self.groups, dim=1)[self.group] for features in maps)
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)


class Upsample(nn.Module):
    """Nearest neighbour."""

    def __init__(self, stride: int, scale: float) -> None:
        super().__init__()
        self.stride, self.scale = stride, scale

    def forward(self, features: Tensor) -> Tensor:
        larger = functional.interpolate(features, scale_factor=float(self.stride), mode="nearest")
        return larger if self.scale == 1 else larger * self.scale


class MaxPool(nn.Module):
    """Darknet's max pool: ``padding`` is shared between both sides, the smaller half first; beyond the edge is -inf."""

    def __init__(self, size: int, stride: tuple[int, int], padding: int) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, features: Tensor) -> Tensor:
        before = self.padding // 2
        after = [self._after(side, step) for side, step in zip(features.shape[2:], self.stride)]
        if after == [before, before] and 2 * before <= self.size:
            return functional.max_pool2d(features, self.size, self.stride, padding=before)
        if before or any(after):
            features = repeat_edges(features, (before, after[0]), (before, after[1]))  # every window holds a cell
        return functional.max_pool2d(features, self.size, self.stride)

    def _after(self, side: int, step: int) -> int:
        cells = (side + self.padding - self.size) // step + 1
        return max(0, (cells - 1) * step + self.size - side - self.padding // 2)


class AveragePool(nn.Module):
    """(B, C, H, W) to (B, C, 1, 1)."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3), keepdim=True)


class Multiply(nn.Module):
    """Two maps multiplied, whose shapes are equal or stretch to each other, then an activation."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()

    def forward(self, factors: Tensor, features: Tensor) -> Tensor:
        return self.activation(factors * features)


class Reorg(nn.Module):
    """YOLOv2's passthrough. Darknet reads the map as if it had ``stride`` squared fewer channels on a larger map, takes
    that apart, and calls the result the other shape: not the plain space-to-depth."""

    def __init__(self, stride: int, *, reverse: bool) -> None:
        super().__init__()
        self.stride, self.reverse = stride, reverse

    def forward(self, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        stride = self.stride
        few = channels // stride**2
        if self.reverse:
            parts = features.reshape(batch, stride, stride, few, height, width)
            return parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, few, height * stride, width * stride)
        parts = features.reshape(batch, few, height, stride, width, stride).permute(0, 3, 5, 1, 2, 4)
        return parts.reshape(batch, channels * stride**2, height // stride, width // stride)


class SplitAnchors(nn.Module):
    """(B, A * (5 + C), H, W) to raw maps (B, A, H, W, 5 + C)."""

    def __init__(self, num_anchors: int) -> None:
        super().__init__()
        self.num_anchors = num_anchors

    def forward(self, maps: Tensor) -> Tensor:
        return split_anchors(maps, self.num_anchors)


def build_layer(plan: LayerPlan, inputs: Sequence[Shape]) -> nn.Module:
    """The module of one layer whose inputs have these shapes."""
    match plan:
        case plans.ConvolutionPlan():
            return DarknetConvolution(plan, inputs[0][0])
        case plans.ShortcutPlan():
            return Shortcut(plan.activation)
        case plans.RoutePlan():
            return Route(plan.groups, plan.group)
        case plans.UpsamplePlan():
            return Upsample(plan.stride, plan.scale)
        case plans.MaxPoolPlan():
            return MaxPool(plan.size, plan.stride, plan.padding)
        case plans.AveragePoolPlan():
            return AveragePool()
        case plans.DropoutPlan():
            return nn.Dropout(plan.probability)
        case plans.BatchNormPlan():
            return DarknetBatchNorm(inputs[0][0])
        case plans.ScaleChannelsPlan() | plans.SamPlan():
            return Multiply(plan.activation)
        case plans.ReorgPlan():
            return Reorg(plan.stride, reverse=plan.reverse)
        case plans.YoloPlan():
            return SplitAnchors(len(plan.anchors))
        case plans.SoftmaxPlan() | plans.CostPlan():
            return nn.Identity()
    raise TypeError(f"no layer is made from a {type(plan).__name__}")


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)


def _add_shared(current: Tensor, other: Tensor) -> Tensor:
    channels = min(current.shape[1], other.shape[1])
    height, width = (min(a, b) for a, b in zip(current.shape[2:], other.shape[2:]))
    sparse = max(1, other.shape[3] // current.shape[3])  # every n-th cell of the other
    spread = max(1, current.shape[3] // other.shape[3])  # onto every n-th of ours
    part = other[:, :channels, : height * sparse : sparse, : width * sparse : sparse]
    total = current.clone()
    total[:, :channels, : height * spread : spread, : width * spread : spread] += part
    return total
