"""An exported graph computed by OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolov3.errors import UserError
from yolov3.graphs.facts import GraphFacts
from yolov3.machine.extras import require_extra
from yolov3.machine.signal_stack import kept_signal_stack
from yolov3.runtimes.graph_outputs import Arrays, check_names, run_graph
from yolov3.structures import Predictions

HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}
"""In which type OpenVINO is to compute what has no type of its own in the graph."""

NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True)
class OpenVinoRuntime:
    """A graph and what it says of itself; ``request`` runs the compiled graph. Images enter as they lie in main memory,
    colour by colour within a pixel, and turning them round is a part of the graph, unless it wants ``planes``.
    ``precision`` is the one that OpenVINO really computes in: where the processor lacks a type it takes another."""

    facts: GraphFacts
    precision: str
    request: Any = field(repr=False)
    device: str = "cpu"
    planes: bool = False

    @staticmethod
    def open(graph: Path | Any, facts: GraphFacts, device: torch.device) -> OpenVinoRuntime:
        """The graph in an ``.xml`` with its ``.bin`` beside it, or an ``openvino.Model``. Raises UserError when it cannot be
        run here."""
        openvino: Any = require_extra("openvino", "running OpenVINO's files")
        name = str(graph) if isinstance(graph, Path) else "the graph"
        if device.type == "cuda":
            raise UserError(f"{name}: OpenVINO computes on CPUs here, not on {device}; use --device cpu")
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[facts.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            model = core.read_model(str(graph)) if isinstance(graph, Path) else graph.clone()
            inputs, outputs = ([each.any_name for each in side] for side in (model.inputs, model.outputs))
            if not facts.dynamic:
                model.reshape([1, 3, *facts.size])
            with kept_signal_stack():
                compiled = core.compile_model(_taking_pixels(openvino, model), "CPU", settings)
        except RuntimeError as error:
            raise UserError(f"{name}: OpenVINO cannot use it: {_last_line(error)}") from error
        check_names(name, facts, inputs, outputs)
        hint = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        precision = "int8" if facts.precision == "int8" else NAMES.get(hint, hint)
        return OpenVinoRuntime(facts, precision, compiled.create_infer_request())

    @staticmethod
    def of_compiled(compiled: Any, facts: GraphFacts) -> OpenVinoRuntime:
        """A graph that somebody has compiled as it is, with images (B, 3, H, W) as its input."""
        return OpenVinoRuntime(facts, facts.precision, compiled.create_infer_request(), planes=True)

    @property
    def num_classes(self) -> int:
        return self.facts.num_classes

    @property
    def name(self) -> str:
        return "openvino"

    def __call__(self, images: Tensor) -> Predictions:
        return run_graph(self.facts, images, self._run)

    def _run(self, images: Tensor) -> Arrays:
        given = images if self.planes else images.permute(0, 2, 3, 1)  # as images of the detector lie anyway
        outputs = self.request.infer([given.contiguous().numpy()], share_inputs=True, share_outputs=False)
        return tuple(outputs[index] for index in range(len(self.facts.output_names)))


def _taking_pixels(openvino: Any, model: Any) -> Any:
    """The graph with images (B, H, W, 3) as its input."""
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    return steps.build()


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
