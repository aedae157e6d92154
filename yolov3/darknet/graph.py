"""Any network of Darknet's family as a module: its plan is walked once when it is built, never again while it runs.

``DarknetGraph`` is a detector and keeps the contract of all our detectors; ``DarknetClassifierGraph`` ends without
``[yolo]`` layers and gives class logits.

Legend: B images, A anchors, H W cells, C classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from yolov3.darknet.layers import DarknetConvolution, build_layer
from yolov3.darknet.plan import IMAGES, DropoutPlan, NetworkPlan
from yolov3.darknet.trace import PlanError, input_shapes, trace_shapes
from yolov3.models.contract import DetectionNetwork
from yolov3.models.head import initialise_prior
from yolov3.models.layers import initialise_convolutions
from yolov3.structures import Level


class _Graph(nn.Module):
    """The layers of a plan in their order; a layer's output is let go when no later layer needs it."""

    def __init__(self, plan: NetworkPlan, outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.plan = plan
        shapes = trace_shapes(plan)
        self.layers = nn.ModuleList(
            build_layer(layer, input_shapes(plan, shapes, index)) for index, layer in enumerate(plan.layers)
        )
        self._outputs = outputs
        self._sources = tuple(_after_dropout(plan, index) for index in range(len(plan.layers)))
        self._released = _released(self._sources, outputs)
        initialise_convolutions(self)

    def _run(self, images: Tensor) -> tuple[Tensor, ...]:
        kept: dict[int, Tensor] = {IMAGES: images}
        for index, layer in enumerate(self.layers):
            kept[index] = layer(*(kept[source] for source in self._sources[index]))
            for number in self._released[index]:
                del kept[number]
        return tuple(kept[index] for index in self._outputs)


class DarknetGraph(_Graph, DetectionNetwork):
    """A detector with a raw map per ``[yolo]`` layer, in the order of the file: in every YOLOv3 file coarse first. It has
    no part that is known as the backbone.

    Raises PlanError for a plan that cannot be or has no ``[yolo]`` layer.
    """

    backbone = None

    def __init__(self, plan: NetworkPlan) -> None:
        yolo_layers = plan.yolo_layers
        if not yolo_layers:
            raise PlanError(-1, "the network has no [yolo] layer: it is not a detector")
        classes = {layer.num_classes for _, layer in yolo_layers}
        if len(classes) > 1:
            raise PlanError(
                yolo_layers[-1][0], f"all [yolo] layers must have the same classes, found {sorted(classes)}"
            )
        self.levels = _levels(plan)
        super().__init__(plan, tuple(index for index, _ in yolo_layers))
        self.num_classes = classes.pop()
        for _, layer in yolo_layers:
            end = self.layers[layer.sources[0]]
            if isinstance(end, DarknetConvolution) and end.convolution.bias is not None:
                initialise_prior(end.convolution, num_anchors=len(layer.anchors), num_classes=layer.num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        self.check_size(images)
        return self._run(images)


class DarknetClassifierGraph(_Graph):
    """A classifier. ``forward`` takes (B, channels, H, W) and returns class logits (B, C): what enters the final
    softmax, as PyTorch's losses expect it. Raises PlanError for a plan that does not end in one value per class."""

    def __init__(self, plan: NetworkPlan) -> None:
        if plan.yolo_layers:
            raise PlanError(plan.yolo_layers[0][0], "a classifier has no [yolo] layers")
        shape = trace_shapes(plan)[-1]
        if shape[1:] != (1, 1):
            raise PlanError(-1, f"neither [yolo] layers nor one value per class at the end (found {shape})")
        super().__init__(plan, (len(plan.layers) - 1,))
        self.num_classes = shape[0]

    def forward(self, images: Tensor) -> Tensor:
        return self._run(images)[0].flatten(1)


def build_graph(plan: NetworkPlan) -> DarknetGraph | DarknetClassifierGraph:
    """The network of a plan, freshly initialised. Raises PlanError for a plan that cannot be."""
    return DarknetGraph(plan) if plan.yolo_layers else DarknetClassifierGraph(plan)


def _levels(plan: NetworkPlan) -> tuple[Level, ...]:
    shapes = trace_shapes(plan)
    return tuple(
        Level(_stride(plan, shapes, index), layer.anchors, layer.xy_scale, layer.new_coordinates)
        for index, layer in plan.yolo_layers
    )


def _stride(plan: NetworkPlan, shapes: tuple[tuple[int, int, int], ...], index: int) -> int:
    _, height, width = plan.input_shape
    _, rows, columns = shapes[index]
    stride = height // rows
    if (rows * stride, columns * stride) != (height, width):
        raise PlanError(index, f"its {rows} x {columns} cells do not divide the input of {height} x {width} evenly")
    return stride


def _after_dropout(plan: NetworkPlan, index: int) -> tuple[int, ...]:
    # Darknet's dropout works in the buffer of the layer before it: whoever reads that later sees what is left.
    sources = []
    for source in plan.layers[index].sources:
        while source + 1 < index and isinstance(plan.layers[source + 1], DropoutPlan):
            source += 1
        sources.append(source)
    return tuple(sources)


def _released(sources: tuple[tuple[int, ...], ...], outputs: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """For each layer the numbers whose last reader it is; an output that nobody reads goes at once."""
    last_reader = {index: index for index in range(len(sources))} | {IMAGES: 0}
    for index, taken in enumerate(sources):
        last_reader |= dict.fromkeys(taken, index)
    released: list[list[int]] = [[] for _ in sources]
    for number, reader in last_reader.items():
        if number not in outputs:
            released[reader].append(number)
    return tuple(tuple(numbers) for numbers in released)
