"""Which program computes a model: the one that its file is for, the one that is asked for, or the fastest that is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

import yolov3
from yolov3.errors import UserError
from yolov3.formats.model import ExportedModel, LoadedModel, Model
from yolov3.graphs.cached import cached_onnx
from yolov3.graphs.facts import GraphFacts, InputKind
from yolov3.machine.device import select_device, select_precision
from yolov3.machine.extras import has_extra, require_extra
from yolov3.meaning import Preprocessing
from yolov3.runtimes.fastest import fastest_of
from yolov3.runtimes.graph_outputs import check_size
from yolov3.runtimes.onnx_runtime import OnnxRuntime
from yolov3.runtimes.openvino_runtime import OpenVinoRuntime
from yolov3.runtimes.runtime import Runtime
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection

RuntimeName = Literal["torch", "onnxruntime", "openvino", "auto"]

OPENERS: dict[str, Callable[[Path, GraphFacts, torch.device], Runtime]] = {
    ".onnx": OnnxRuntime.open,
    ".xml": OpenVinoRuntime.open,
}

LIBRARIES = {"torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino"}
"""The runtimes of a network, and the modules that they need."""

PRECISIONS = {
    "torch": ("float32", "bfloat16", "float16"),
    "onnxruntime": ("float32",),
    "openvino": ("float32", "bfloat16"),
}
"""What each computes a network in without that anybody exports it."""


@dataclass(frozen=True)
class RuntimeChoice:
    """How a model is to be computed: ``device`` as a user names it, ``precision`` (None: the model's own, of a network
    float32), the ``runtime``: of a network any, of an exported graph the one of its file. ``any_size``: images of many
    sizes will come."""

    device: str = "auto"
    precision: str | None = None
    runtime: RuntimeName | None = None
    any_size: bool = False


def open_runtime(model: Model, preprocessing: Preprocessing, choice: RuntimeChoice) -> Runtime:
    """What computes a model for images that are fitted like that. Raises UserError for what cannot be."""
    device = select_device(choice.device)
    if isinstance(model, ExportedModel):
        return _of_graph(model, preprocessing, choice, device)
    kind = select_precision(choice.precision or "float32", device)
    name = choice.runtime or "torch"
    if name == "torch" or (name == "auto" and device.type != "cpu"):
        return TorchRuntime.of(model.detector(), device, kind)
    precision = str(kind).removeprefix("torch.")
    facts = replace(facts_of_model(model, preprocessing), precision=precision, dynamic=choice.any_size)
    if name != "auto":
        return _of_network(name, model, facts, device)
    names = [each for each, module in LIBRARIES.items() if facts.precision in PRECISIONS[each] and has_extra(module)]
    return fastest_of(names, lambda each: _of_network(each, model, facts, device), model.detector(), facts)


def check_rules(model: Model, selection: Selection) -> None:
    """Raise UserError where a graph that suppresses boxes itself has dropped what the rules ask for."""
    inner = model.facts.suppressed if isinstance(model, ExportedModel) else None
    if inner is not None and selection.lowest < inner.confidence:
        raise UserError(
            f"{model.source}: suppresses boxes itself and has dropped all below a score of {inner.confidence:g}, but "
            f"{selection.lowest:g} was asked for; give --conf {inner.confidence:g}, or export it again without --nms"
        )


def _of_graph(
    model: ExportedModel, preprocessing: Preprocessing, choice: RuntimeChoice, device: torch.device
) -> Runtime:
    facts = model.facts
    if choice.precision not in (None, "auto", facts.precision):
        raise UserError(
            f"{model.source}: was exported in {facts.precision} and computes in that; for {choice.precision} export it again "
            f"with --precision {choice.precision}"
        )
    path, open_graph = model.path, OPENERS[model.path.suffix.lower()]
    own = "onnxruntime" if open_graph is OnnxRuntime.open else "openvino"
    if choice.runtime not in (None, "auto", own):
        raise UserError(f"{model.source}: is computed by {own}; --runtime {choice.runtime} is for weights")
    if choice.any_size and not facts.dynamic:
        raise UserError(
            f"{model.source}: was exported for one size of images; for --rect export it again with --dynamic"
        )
    check_size(facts, preprocessing.size)
    cpu = choice.device == "auto" and open_graph is OpenVinoRuntime.open
    return open_graph(path, facts, torch.device("cpu") if cpu else device)


def _of_network(name: str, model: LoadedModel, facts: GraphFacts, device: torch.device) -> Runtime:
    if name == "torch":
        return TorchRuntime.of(model.detector(), device, select_precision(facts.precision, device))
    if facts.precision not in PRECISIONS[name]:
        raise UserError(f"{name} computes weights in {' or '.join(PRECISIONS[name])} here, not in {facts.precision}")
    require_extra(LIBRARIES[name], f"--runtime {name}")
    content = cached_onnx(model.detector(), facts_of_float32(facts))
    if name == "onnxruntime":
        return OnnxRuntime.open(content, facts, device)
    openvino: Any = require_extra("openvino", f"--runtime {name}")
    return OpenVinoRuntime.open(openvino.Core().read_model(content), facts, device)


def facts_of_float32(facts: GraphFacts) -> GraphFacts:
    """Those of the graph that one of another precision is made of."""
    return replace(facts, precision="float32")


def facts_of_model(model: LoadedModel, preprocessing: Preprocessing) -> GraphFacts:
    """Those of the plainest graph of a model, for images that are fitted like that; others are varied from it."""
    network = model.detector()
    return GraphFacts(
        meaning=replace(model.meaning, preprocessing=preprocessing),
        levels=network.levels,
        num_classes=network.num_classes,
        description=model.described_with(preprocessing),
        input=input_kind_of(preprocessing),
        made_with=f"yolov3 {yolov3.__version__}",  # another version may make another graph
    )


def input_kind_of(preprocessing: Preprocessing) -> InputKind:
    """In which type fitted images come: Darknet's resizing gives fractions of a pixel's value."""
    return "float32" if preprocessing.resize == "darknet" else "uint8"
