"""A network of Darknet's language for another number of classes: its last convolutions are made to fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolov3.errors import UserError
from yolov3.formats.darknet_cfg import read_cfg
from yolov3.formats.darknet_graph_builder import plan_errors, plan_from_cfg
from yolov3.formats.darknet_native import recognise
from yolov3.models import YOLOv3
from yolov3.models.darknet_graph import DarknetGraph, build_graph
from yolov3.models.darknet_plan import ConvolutionPlan, NetworkPlan
from yolov3.models.head import BOX_AND_OBJECTNESS


def detector_from_cfg(path: str | Path, *, num_classes: int) -> YOLOv3 | DarknetGraph:
    """The detector of a ``.cfg`` with fresh weights and ``num_classes`` classes, whatever the file says about them: one
    of ours where it equals one, else a graph. Raises UserError for a file that describes no detector."""
    cfg = read_cfg(path)
    plan = plan_from_cfg(cfg)
    if not plan.yolo_layers:
        raise UserError(f"{path}: has no [yolo] layer: it is not a detector")
    try:
        plan = with_classes(plan, num_classes)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    with plan_errors(cfg):
        found = recognise(plan)
        if isinstance(found, YOLOv3):
            return found
        graph = build_graph(plan)
    assert isinstance(graph, DarknetGraph), "a plan with [yolo] layers is a detector"
    return graph


def with_classes(plan: NetworkPlan, num_classes: int) -> NetworkPlan:
    """The same plan for ``num_classes`` classes. Raises ValueError when a [yolo] layer does not follow a convolution."""
    layers = list(plan.layers)
    for number, layer in plan.yolo_layers:
        source = layer.sources[0]
        before = layers[source] if source >= 0 else None
        if not isinstance(before, ConvolutionPlan):
            raise ValueError(f"layer {number} ([yolo]) must follow a [convolutional] layer to get other classes")
        layers[source] = replace(before, filters=len(layer.anchors) * (BOX_AND_OBJECTNESS + num_classes))
        layers[number] = replace(layer, num_classes=num_classes)
    return replace(plan, layers=tuple(layers))
