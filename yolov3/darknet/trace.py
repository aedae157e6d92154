"""Walking a plan: the shape of every layer's output, and how large the network would be, before memory is taken for it.

What cannot be, or is beyond all reason, is refused with the number of the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from yolov3.darknet.plan import (
    IMAGES,
    LARGEST_SIDE,
    CostPlan,
    NetworkPlan,
    Shape,
    SoftmaxPlan,
    YoloPlan,
    shape_text,
)

LARGEST_LAYERS = 2000
LARGEST_CHANNELS = 65_536  # of a concatenation
LARGEST_OUTPUT = 2**28  # numbers in one layer's output for one image, 1 GiB: YOLOv3 reaches them at 2,896 pixels a side
LARGEST_KEPT = 2**29  # numbers in all outputs that are kept at a time, because a later layer takes them
LARGEST_NETWORK = 1_000_000_000  # numbers in a network


class PlanError(ValueError):
    """A layer that cannot be: ``layer`` is its number, -1 for the network as a whole."""

    def __init__(self, layer: int, reason: str) -> None:
        super().__init__(f"layer {layer}: {reason}" if layer >= 0 else reason)
        self.layer, self.reason = layer, reason


def trace_shapes(plan: NetworkPlan) -> tuple[Shape, ...]:
    """The output shape of every layer. Raises PlanError for what cannot be or is beyond all reason."""
    if not 1 <= len(plan.layers) <= LARGEST_LAYERS:
        raise PlanError(-1, f"a network has 1 to {LARGEST_LAYERS} layers, found {len(plan.layers)}")
    if not all(1 <= side <= LARGEST_SIDE for side in plan.input_shape):
        raise PlanError(
            -1, f"the input must be 1 to {LARGEST_SIDE} wide and high, found {shape_text(plan.input_shape)}"
        )
    shapes: list[Shape] = []
    total = 0
    for index, layer in enumerate(plan.layers):
        inputs = input_shapes(plan, shapes, index)
        try:
            shape = layer.output_shape(inputs)
            _check_output(shape)
            total += layer.stored_floats(inputs)
            if total > LARGEST_NETWORK:
                raise ValueError(f"the network would have more than {LARGEST_NETWORK} weights")
        except ValueError as error:
            raise PlanError(index, str(error)) from error
        shapes.append(shape)
    _check_kept(plan, shapes)
    return tuple(shapes)


def input_shapes(plan: NetworkPlan, shapes: Sequence[Shape], index: int) -> list[Shape]:
    """The shapes that layer ``index`` takes, given those of the layers before it. Raises PlanError."""
    for source in plan.layers[index].sources:
        if not IMAGES <= source < index:
            raise PlanError(index, f"takes the output of layer {source}, which is not before it")
        if source >= 0 and isinstance(plan.layers[source], YoloPlan | SoftmaxPlan) and not _is_cost(plan, index):
            raise PlanError(index, f"takes the output of layer {source}, a final layer (yolo or softmax): cannot do")
    return [plan.input_shape if source == IMAGES else shapes[source] for source in plan.layers[index].sources]


def stored_layers(plan: NetworkPlan) -> tuple[tuple[int, int], ...]:
    """(layer, numbers) for every layer that has a part in a ``.weights`` file, in its order. Raises PlanError."""
    shapes = trace_shapes(plan)
    counts = ((i, layer.stored_floats(input_shapes(plan, shapes, i))) for i, layer in enumerate(plan.layers))
    return tuple((index, count) for index, count in counts if count)


def _is_cost(plan: NetworkPlan, index: int) -> bool:
    return isinstance(plan.layers[index], CostPlan)


def _check_kept(plan: NetworkPlan, shapes: Sequence[Shape]) -> None:
    """Raise PlanError where one image would take memory beyond all reason on its way through the network: a few bytes of a
    ``.cfg`` can ask for any amount, and its weights do not tell."""
    end = len(plan.layers) - 1
    last_reader = list(range(len(plan.layers)))
    for index, layer in enumerate(plan.layers):
        for source in layer.sources:
            if source >= 0:
                last_reader[source] = index
        if isinstance(layer, YoloPlan):
            last_reader[index] = end
    leaving: list[list[int]] = [[] for _ in plan.layers]
    for index, reader in enumerate(last_reader):
        leaving[reader].append(index)
    kept = prod(plan.input_shape)
    for index, shape in enumerate(shapes):
        kept += prod(shape)
        if kept > LARGEST_KEPT:
            raise PlanError(
                index, f"one image would take {kept} numbers up to here, at most {LARGEST_KEPT} are computed"
            )
        kept -= sum(prod(shapes[number]) for number in leaving[index])


def _check_output(shape: Shape) -> None:
    channels, height, width = shape
    if min(shape) < 1:
        raise ValueError(f"its output would be empty ({shape_text(shape)})")
    if max(height, width) > LARGEST_SIDE or channels > LARGEST_CHANNELS or prod(shape) > LARGEST_OUTPUT:
        raise ValueError(f"its output would be too large ({shape_text(shape)})")
