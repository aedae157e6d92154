"""A graph in 8 bit integers, by NNCF, fitted to images as the model sees them.

What decodes, and the convolutions before it whose numbers are boxes and scores, stay in floating point: a step of an
8 bit scale is larger than a small box's side, and they are few (in YOLOv3 2 % of the operations).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Protocol

import numpy as np

from yolov3.graphs.facts import GraphFacts
from yolov3.machine.extras import GPU_SEARCH, quiet, require_extra
from yolov3.machine.signal_stack import kept_signal_stack

MOST_IMAGES = 300
"""To fit the scales of activations to; NNCF's own number. More change the last digits."""


class Fitted(Protocol):
    """Images as the graph takes them, (1, 3, H, W) each."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> np.ndarray: ...


def quantise(graph: Any, facts: GraphFacts, images: Fitted) -> Any:
    """The graph (``openvino.Model`` or ``onnx.ModelProto``) in int8. Raises UserError where an extra is missing."""
    nncf: Any = require_extra("nncf", "writing int8")
    with _quiet():
        return nncf.quantize(graph, _dataset(nncf, graph, facts, images), **_settings(nncf, graph, len(images)))


def quantise_within(
    graph: Any,
    facts: GraphFacts,
    images: Fitted,
    *,
    measured: int,
    measure: Callable[[Any, list[int]], float],
    max_drop: float,
) -> Any:
    """The same with as many layers given back to floating point as it takes until ``measure`` of the compiled graph, on
    some of the ``measured`` images by number, is not more than ``max_drop`` below that of the graph."""
    nncf: Any = require_extra("nncf", "writing int8")

    def validate(compiled: Any, numbers: Any) -> tuple[float, None]:
        return measure(compiled, [int(number) for number in numbers]), None

    with _quiet():
        settings = _settings(nncf, graph, len(images))
        return nncf.quantize_with_accuracy_control(
            graph,
            calibration_dataset=_dataset(nncf, graph, facts, images),
            validation_dataset=nncf.Dataset(list(range(measured)), lambda number: number),
            validation_fn=validate,
            max_drop=max_drop,
            drop_type=nncf.DropType.ABSOLUTE,
            **settings,
        )


def layers_in_float(graph: Any) -> list[str]:
    """The convolutions of a quantised graph that compute in floating point."""
    if _is_onnx(graph):
        made = {output: node.op_type for node in graph.graph.node for output in node.output}
        convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
        return [node.name for node in convolutions if made.get(node.input[1]) != "DequantizeLinear"]
    layers = [each for each in graph.get_ops() if each.get_type_name() in _CONVOLUTIONS]
    return [each.get_friendly_name() for each in layers if not _has_small_weights(each)]


_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def _has_small_weights(layer: Any) -> bool:
    """Whether OpenVINO's convolution reads its weights from integers, or through what rounds them to such."""
    node = layer.input_value(1).get_node()
    while node.get_type_name() != "Constant":
        if node.get_type_name() == "FakeQuantize":
            return True
        node = node.input_value(0).get_node()
    return str(node.get_element_type()) in ("<Type: 'int8_t'>", "<Type: 'uint8_t'>")


def _settings(nncf: Any, graph: Any, count: int) -> dict[str, Any]:
    return {
        # Leaky activations have two sides: their scales are asymmetric, those of weights symmetric.
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": count,
        "ignored_scope": nncf.IgnoredScope(names=sorted(set(_end_of(graph))), validate=False),
    }


def _dataset(nncf: Any, graph: Any, facts: GraphFacts, images: Fitted) -> Any:
    if _is_onnx(graph):
        return nncf.Dataset(list(range(len(images))), lambda number: {facts.input_name: images[number]})
    return nncf.Dataset(list(range(len(images))), lambda number: images[number])


def _is_onnx(graph: Any) -> bool:
    return hasattr(graph, "graph")


def _end_of(graph: Any) -> Iterator[str]:
    """The names of all nodes from the outputs back to the last convolutions, these too."""
    if _is_onnx(graph):
        made = {output: node for node in graph.graph.node for output in node.output}
        waiting = [made[each.name] for each in graph.graph.output]
        yield from _walk(
            waiting,
            name=lambda node: node.name,
            ends=lambda node: node.op_type == "Conv",
            before=lambda node: [made[each] for each in node.input if each in made],
        )
        return
    yield from _walk(
        list(graph.get_results()),
        name=lambda node: node.get_friendly_name(),
        ends=lambda node: node.get_type_name() in _CONVOLUTIONS,
        before=lambda node: [each.get_source_output().get_node() for each in node.inputs()],
    )


def _walk(
    waiting: list[Any],
    *,
    name: Callable[[Any], str],
    ends: Callable[[Any], bool],
    before: Callable[[Any], list[Any]],
) -> Iterator[str]:
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if name(node) in seen:
            continue
        seen.add(name(node))
        yield name(node)
        if not ends(node):
            waiting += before(node)


@contextmanager
def _quiet() -> Iterator[None]:
    """NNCF tells of its own affairs, draws bars beside ours, and runs graphs by OpenVINO."""
    with redirect_stdout(io.StringIO()), quiet("nncf", GPU_SEARCH), kept_signal_stack():
        yield
