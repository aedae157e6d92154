"""An exported graph computed by onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolov3.errors import UserError
from yolov3.graphs.facts import GraphFacts
from yolov3.machine.extras import require_extra
from yolov3.runtimes.graph_outputs import Arrays, check_names, run_graph
from yolov3.structures import Predictions

GPU = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class OnnxRuntime:
    """A graph and what it says of itself; ``session`` is onnxruntime's."""

    facts: GraphFacts
    session: Any
    device: str

    @staticmethod
    def open(graph: Path | bytes, facts: GraphFacts, device: torch.device) -> OnnxRuntime:
        """The graph in a file or in the bytes of one, on a device. Raises UserError when it cannot be run here."""
        library: Any = require_extra("onnxruntime", "running ONNX files")
        library.disable_telemetry_events()
        name = str(graph) if isinstance(graph, Path) else "the graph"
        if device.type == "cuda" and GPU not in library.get_available_providers():
            raise UserError(
                f"{name}: the onnxruntime that is installed runs on CPUs only; onnxruntime-gpu runs on {device}"
            )
        options = library.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; they are raised too
        # Threads that wait in a loop for the next image would take the processor from those that read and write images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [(GPU, {"device_id": device.index or 0}), CPU] if device.type == "cuda" else [CPU]
        try:
            session = library.InferenceSession(graph, options, providers=providers)
        except Exception as error:  # onnxruntime's own errors have no common ancestor
            raise UserError(f"{name}: onnxruntime cannot use it: {_first_line(error)}") from error
        check_names(name, facts, [each.name for each in session.get_inputs()], [e.name for e in session.get_outputs()])
        return OnnxRuntime(facts, session, str(device))

    @property
    def num_classes(self) -> int:
        return self.facts.num_classes

    @property
    def precision(self) -> str:
        return self.facts.precision

    @property
    def name(self) -> str:
        return "onnxruntime"

    def __call__(self, images: Tensor) -> Predictions:
        return run_graph(self.facts, images, self._run)

    def _run(self, images: Tensor) -> Arrays:
        outputs: Arrays = self.session.run(list(self.facts.output_names), {self.facts.input_name: images.numpy()})
        return outputs


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
