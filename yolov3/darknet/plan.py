"""What a network in Darknet's language is, layer by layer, before any memory is taken for it.

A plan is made of frozen records: from a ``.cfg`` (cfg_to_plan), or from a network of ours. Tracing it gives the
shape of every layer's output and refuses what cannot be; building it gives a DarknetGraph. Two plans are equal
exactly when they are the same network, so a ``.cfg`` is recognised as one of ours by comparing plans.

Layers are counted from 0; -1 stands for the images. A shape is (channels, height, width).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolov3.prediction_layout import FIXED_ENTRIES

Shape = tuple[int, int, int]

IMAGES = -1
LARGEST_FILTERS = 8192
LARGEST_SIDE = 8192
LARGEST_WINDOW = 128  # of a kernel, stride, dilation or padding


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """One layer; ``sources`` are the layers whose outputs it takes, in its own order."""

    sources: tuple[int, ...]

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """The shape of its output. Raises ValueError when the inputs cannot be."""
        return inputs[0]

    def stored_floats(self, inputs: Sequence[Shape]) -> int:
        """How many numbers it has in a ``.weights`` file."""
        return 0


@dataclass(frozen=True, kw_only=True)
class ConvolutionPlan(LayerPlan):
    """Convolution, batch norm or bias, activation. ``stride`` is (vertical, horizontal)."""

    filters: int
    size: int
    stride: tuple[int, int]
    padding: int
    activation: str
    batch_normalise: bool
    groups: int = 1
    dilation: int = 1

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = inputs[0]
        _between("filters", self.filters, 1, LARGEST_FILTERS)
        _windows(size=self.size, stride=min(self.stride), dilation=self.dilation)
        _windows(stride=max(self.stride))
        _between("padding", self.padding, 0, LARGEST_WINDOW)
        _between("groups", self.groups, 1, LARGEST_FILTERS)
        if channels % self.groups or self.filters % self.groups:
            raise ValueError(
                f"groups={self.groups} must divide its {channels} input channels and {self.filters} filters"
            )
        if self.dilation > 1 and 2 * self.padding != self.size - 1:
            raise ValueError(f"dilation={self.dilation} needs an odd size and pad=1, found size={self.size}")
        reach = (self.size - 1) * self.dilation + 1 - 2 * self.padding * self.dilation
        return (self.filters, *_cells((height, width), self.stride, reach))

    def stored_floats(self, inputs: Sequence[Shape]) -> int:
        per_filter = inputs[0][0] // self.groups * self.size**2 + (4 if self.batch_normalise else 1)
        return self.filters * per_filter


@dataclass(frozen=True, kw_only=True)
class ShortcutPlan(LayerPlan):
    """The previous layer's output plus those of others, then an activation. Where shapes differ, the shared channels
    are added, on every n-th cell of the larger map."""

    activation: str = "linear"

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        _, height, width = inputs[0]
        for _, other_height, other_width in inputs[1:]:
            ratios = (other_height // height, height // other_height), (other_width // width, width // other_width)
            if ratios[0] != ratios[1]:
                raise ValueError(f"cannot add a map of {other_height}x{other_width} to one of {height}x{width}")
        return inputs[0]


@dataclass(frozen=True, kw_only=True)
class RoutePlan(LayerPlan):
    """Its sources concatenated along the channels; with ``groups``, the ``group``-th equal part of each."""

    groups: int = 1
    group: int = 0

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if len({shape[1:] for shape in inputs}) > 1:
            found = ", ".join(f"{height}x{width}" for _, height, width in inputs)
            raise ValueError(f"only maps of one size can be concatenated, found {found}")
        _between("groups", self.groups, 1, LARGEST_FILTERS)
        _between("group_id", self.group, 0, self.groups - 1)
        if any(channels % self.groups for channels, _, _ in inputs):
            found = ", ".join(str(channels) for channels, _, _ in inputs)
            raise ValueError(f"groups={self.groups} must divide the channels of each layer, found {found}")
        return (sum(channels for channels, _, _ in inputs) // self.groups, *inputs[0][1:])


@dataclass(frozen=True, kw_only=True)
class UpsamplePlan(LayerPlan):
    """Nearest neighbour, ``stride`` times the size, values times ``scale``."""

    stride: int
    scale: float = 1.0

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        _windows(stride=self.stride)
        channels, height, width = inputs[0]
        return (channels, height * self.stride, width * self.stride)


@dataclass(frozen=True, kw_only=True)
class MaxPoolPlan(LayerPlan):
    """``padding`` is the total over both sides; half of it, rounded down, lies before the first cell."""

    size: int
    stride: tuple[int, int]
    padding: int

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        _windows(size=self.size, stride=min(self.stride))
        _windows(stride=max(self.stride))
        # With more, some windows would see nothing but padding.
        _between("padding", self.padding, 0, 2 * (self.size - 1))
        channels, height, width = inputs[0]
        reach = self.size - self.padding
        return (channels, *_cells((height, width), self.stride, reach))


@dataclass(frozen=True, kw_only=True)
class AveragePoolPlan(LayerPlan):
    """The mean of each channel over the whole map."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        return (inputs[0][0], 1, 1)


@dataclass(frozen=True, kw_only=True)
class DropoutPlan(LayerPlan):
    """Dropout while training; in Darknet it changes the previous layer's output, whoever reads it later."""

    probability: float

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if not 0 <= self.probability < 1:
            raise ValueError(f"probability must lie in [0, 1), found {self.probability}")
        return inputs[0]


@dataclass(frozen=True, kw_only=True)
class BatchNormPlan(LayerPlan):
    """A batch norm on its own. Its place in a ``.weights`` file depends on the program that wrote it."""

    def stored_floats(self, inputs: Sequence[Shape]) -> int:
        return 4 * inputs[0][0]


@dataclass(frozen=True, kw_only=True)
class ScaleChannelsPlan(LayerPlan):
    """The second source times the first, which has one value per channel, or with ``per_cell`` one per cell."""

    activation: str = "linear"
    per_cell: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        factors, scaled = inputs
        needed = (1, *scaled[1:]) if self.per_cell else (scaled[0], 1, 1)
        if factors != needed:
            found = shape_text(factors)
            raise ValueError(f"factors of {shape_text(needed)} are needed for {shape_text(scaled)}, found {found}")
        return scaled


@dataclass(frozen=True, kw_only=True)
class SamPlan(LayerPlan):
    """Two maps of one shape, multiplied value by value (spatial attention)."""

    activation: str = "linear"

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0] != inputs[1]:
            raise ValueError(
                f"both maps must have one shape, found {shape_text(inputs[0])} and {shape_text(inputs[1])}"
            )
        return inputs[1]


@dataclass(frozen=True, kw_only=True)
class ReorgPlan(LayerPlan):
    """Cells to channels in YOLOv2's own order; ``reverse``: channels to cells."""

    stride: int
    reverse: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        _windows(stride=self.stride)
        channels, height, width = inputs[0]
        area = self.stride**2
        # Darknet's order divides the channels even where it multiplies their number.
        if channels % area or (not self.reverse and (height % self.stride or width % self.stride)):
            raise ValueError(f"stride={self.stride} does not divide a map of {shape_text(inputs[0])}")
        if self.reverse:
            return (channels // area, height * self.stride, width * self.stride)
        return (channels * area, height // self.stride, width // self.stride)


@dataclass(frozen=True, kw_only=True)
class SoftmaxPlan(LayerPlan):
    """The softmax that ends a classifier."""


@dataclass(frozen=True, kw_only=True)
class CostPlan(LayerPlan):
    """Darknet's cost layer: nothing happens to what passes it."""


@dataclass(frozen=True, kw_only=True)
class YoloPlan(LayerPlan):
    """The end of one detection scale; ``anchors`` are its own (width, height) pairs in pixels."""

    anchors: tuple[tuple[float, float], ...]
    num_classes: int
    xy_scale: float = 1.0
    new_coordinates: bool = False

    @property
    def num_entries(self) -> int:
        """How many numbers it predicts in each cell."""
        return len(self.anchors) * (FIXED_ENTRIES + self.num_classes)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] != self.num_entries:
            raise ValueError(
                f"the layer before must have {len(self.anchors)} anchors x ({FIXED_ENTRIES} + {self.num_classes} "
                f"classes) = {self.num_entries} filters, found {inputs[0][0]}"
            )
        return inputs[0]


@dataclass(frozen=True)
class NetworkPlan:
    """All layers and the input they were laid out for: ``input_shape`` (channels, height, width)."""

    input_shape: Shape
    layers: tuple[LayerPlan, ...]

    @property
    def yolo_layers(self) -> tuple[tuple[int, YoloPlan], ...]:
        """(number, layer) of each detection scale, in the order of the file."""
        return tuple((index, layer) for index, layer in enumerate(self.layers) if isinstance(layer, YoloPlan))


def _cells(size: tuple[int, int], stride: tuple[int, int], reach: int) -> tuple[int, int]:
    """How many places a window that reaches so far has along each side."""
    return (size[0] - reach) // stride[0] + 1, (size[1] - reach) // stride[1] + 1


def _windows(**values: int) -> None:
    for name, value in values.items():
        _between(name, value, 1, LARGEST_WINDOW)


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, found {value}")


def shape_text(shape: Shape) -> str:
    """A shape for people."""
    return "{} x {} x {}".format(*shape)
