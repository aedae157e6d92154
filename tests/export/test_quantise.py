"""Graphs in 8 bits: small, close, with the end in floating point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from yolov3.export.quantise import layers_in_float, quantise, quantise_within
from yolov3.formats.load import load_model
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_graph import onnx_of
from yolov3.runtimes.onnx_runtime import OnnxRuntime
from yolov3.runtimes.openvino_runtime import OpenVinoRuntime
from yolov3.runtimes.runtime import Runtime

pytest.importorskip("nncf", reason="the extra openvino is not installed")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def facts(weights) -> GraphFacts:
    model = load_model(weights)
    return GraphFacts(model.meaning, tuple(model.detector().levels), model.detector().num_classes, "small")


@pytest.fixture(scope="module")
def proto(weights, facts) -> Any:
    return onnx_of(load_model(weights).detector(), facts)


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (1, 3, 96, 128), dtype=np.uint8) for _ in range(3)]


def graph_for(program: str, proto: Any) -> Any:
    if program == "onnx":
        return proto
    import openvino

    return openvino.Core().read_model(proto.SerializeToString())


def opened(program: str, graph: Any, facts: GraphFacts) -> Runtime:
    if program == "onnx":
        return OnnxRuntime.open(graph.SerializeToString(), facts, CPU)
    return OpenVinoRuntime.open(graph, facts, CPU)


@pytest.mark.parametrize("program", ["onnx", "openvino"])
def test_a_graph_in_8_bits_is_close_and_its_end_is_in_floating_point(program, proto, facts, images, capfd):
    graph = graph_for(program, proto)
    small = quantise(graph, facts, images)
    in_float = layers_in_float(small)
    assert len(in_float) == 2  # the last convolution of each level
    assert len(layers_in_float(graph)) == 13
    small_facts = replace(facts, precision="int8")
    image = torch.from_numpy(images[0])
    whole, less = opened(program, graph, facts)(image), opened(program, small, small_facts)(image)
    difference = (whole.objectness - less.objectness).abs()
    assert 0 < float(difference.mean()) < 0.1
    assert capfd.readouterr().out == ""  # NNCF's bars are not ours


@pytest.mark.parametrize("program", ["onnx", "openvino"])
def test_layers_go_back_until_the_measure_holds(program, proto, facts, images):
    """The measure is how near the objectness is to that of the whole graph, on some images."""
    graph = graph_for(program, proto)
    whole = [opened(program, graph, facts)(torch.from_numpy(image)).objectness for image in images]

    def measure(compiled: Any, numbers: list[int]) -> float:
        if program == "onnx":
            runtime: Runtime = opened(program, compiled, facts)
        else:
            runtime = OpenVinoRuntime.of_compiled(compiled, facts)
        differences = [
            (runtime(torch.from_numpy(images[number])).objectness - whole[number]).abs().mean() for number in numbers
        ]
        return 1 - float(torch.stack(differences).mean())

    small = quantise(graph, facts, images)
    first = measure(small, [0, 1, 2]) if program == "onnx" else 0.0
    kept = quantise_within(graph, facts, images, measured=3, measure=measure, max_drop=1e-3)
    assert len(layers_in_float(kept)) > 2
    if program == "onnx":
        assert measure(kept, [0, 1, 2]) > first
