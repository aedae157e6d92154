"""A network as an ONNX graph, in main memory.

PyTorch's exporter does the work; what is ours: any batch and any size where asked for, names, suppression in the graph.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from yolov3.errors import UserError
from yolov3.graphs.detection_graph import DetectionGraph
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.suppression import append_suppression
from yolov3.machine.device import PRECISIONS
from yolov3.machine.extras import quiet, require_extra
from yolov3.models.contract import DetectionNetwork

if TYPE_CHECKING:
    import onnx

OPERATORS = 18
"""Version of ONNX's operators: the first with all that is used here, which every runtime of today knows."""

EXPORTERS = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
"""The loggers in which the exporter tells of its own affairs."""

LARGEST_SIDE = 16_384  # pixels of a dynamic graph's input


def onnx_of(network: DetectionNetwork, facts: GraphFacts) -> onnx.ModelProto:
    """The graph that the facts describe, with the network's weights in it. Its precision is float32 or float16; other ones
    are made of it. Raises UserError where an extra is missing, or for a network that cannot be exported like that."""
    require_extra("onnxscript", "writing ONNX graphs")
    if facts.suppressed is not None and facts.meaning.suppression.kind == "diou":
        raise UserError(
            "this model's boxes suppress each other by DIoU, which no graph can do by itself; export without --nms: "
            "whoever runs the graph suppresses afterwards"
        )
    kind = PRECISIONS["float16" if facts.precision == "float16" else "float32"]
    network = deepcopy(network).to("cpu", kind).eval()
    graph = DetectionGraph(network, facts.outputs, facts.input, kind).eval()
    names = ("boxes", "objectness", "classes") if facts.suppressed is not None else facts.output_names
    height, width = facts.size
    example = torch.zeros(2 if facts.dynamic else 1, 3, height, width)
    with quiet(*EXPORTERS), torch.no_grad():
        program: Any = torch.onnx.export(
            graph,
            (example.to(torch.uint8) if facts.input == "uint8" else example,),
            dynamo=True,
            verbose=False,
            external_data=False,
            opset_version=OPERATORS,
            input_names=[facts.input_name],
            output_names=list(names),
            dynamic_shapes=_dynamic_shapes(facts) if facts.dynamic else None,
        )
    model: onnx.ModelProto = program.model_proto
    if facts.suppressed is not None:
        append_suppression(model, facts.suppressed)
    return model


def _dynamic_shapes(facts: GraphFacts) -> dict[str, dict[int, Any]]:
    most = LARGEST_SIDE // facts.stride
    rows, columns = (torch.export.Dim(name, min=1, max=most) for name in ("rows", "columns"))
    return {"images": {0: torch.export.Dim("batch"), 2: facts.stride * rows, 3: facts.stride * columns}}
