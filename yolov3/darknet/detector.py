"""The detector of a ``.cfg`` to be trained: with other classes, and where wanted other anchors, than the file says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolov3.anchors import AnchorSet
from yolov3.darknet.cfg import read_cfg
from yolov3.darknet.cfg_to_plan import plan_errors, plan_from_cfg
from yolov3.darknet.graph import DarknetGraph, build_graph
from yolov3.darknet.native import recognise
from yolov3.darknet.plan import ConvolutionPlan, NetworkPlan
from yolov3.errors import UserError
from yolov3.models.yolov3 import YOLOv3
from yolov3.prediction_layout import FIXED_ENTRIES


def detector_from_cfg(path: str | Path, *, num_classes: int, anchors: AnchorSet | None = None) -> YOLOv3 | DarknetGraph:
    """The detector of a ``.cfg`` with fresh weights and ``num_classes`` classes, whatever the file says about them, and
    with ``anchors``, as many as the file has, in place of its own: one of ours where it equals one, else a graph.

    Raises UserError for a file that describes no detector.
    """
    cfg = read_cfg(path)
    plan = plan_from_cfg(cfg)
    if not plan.yolo_layers:
        raise UserError(f"{path}: has no [yolo] layer: it is not a detector")
    try:
        plan = with_classes(plan, num_classes)
        if anchors is not None:
            plan = with_anchors(plan, anchors)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    with plan_errors(cfg):
        found = recognise(plan)
        if isinstance(found, YOLOv3):
            return found
        graph = build_graph(plan)
    assert isinstance(graph, DarknetGraph), "a plan with [yolo] layers is a detector"
    return graph


def anchors_of_cfg(path: str | Path) -> AnchorSet:
    """The anchors of a ``.cfg``, a tuple per ``[yolo]`` layer. Raises UserError."""
    return anchors_of(plan_from_cfg(read_cfg(path)))


def anchors_of(plan: NetworkPlan) -> AnchorSet:
    """The anchors of a plan, a tuple per ``[yolo]`` layer."""
    return tuple(layer.anchors for _, layer in plan.yolo_layers)


def with_classes(plan: NetworkPlan, num_classes: int) -> NetworkPlan:
    """The same plan for ``num_classes`` classes. Raises ValueError when a [yolo] layer does not follow a convolution."""
    layers = list(plan.layers)
    for number, layer in plan.yolo_layers:
        source = layer.sources[0]
        before = layers[source] if source >= 0 else None
        if not isinstance(before, ConvolutionPlan):
            raise ValueError(f"layer {number} ([yolo]) must follow a [convolutional] layer to get other classes")
        layers[source] = replace(before, filters=len(layer.anchors) * (FIXED_ENTRIES + num_classes))
        layers[number] = replace(layer, num_classes=num_classes)
    return replace(plan, layers=tuple(layers))


def with_anchors(plan: NetworkPlan, anchors: AnchorSet) -> NetworkPlan:
    """The same plan with other anchors. Raises ValueError when it has another number of them."""
    own, given = ([len(level) for level in each] for each in (anchors_of(plan), anchors))
    if own != given:
        raise ValueError(f"its [yolo] layers have {own} anchors, {given} were given")
    layers = list(plan.layers)
    for (number, layer), level in zip(plan.yolo_layers, anchors):
        layers[number] = replace(layer, anchors=tuple(level))
    return replace(plan, layers=tuple(layers))
