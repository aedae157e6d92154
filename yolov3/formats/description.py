"""A network in plain values: what a checkpoint holds of it beside its weights, and one line for people."""

from __future__ import annotations

from typing import Any

from torch import nn

from yolov3.darknet.cfg import write_cfg
from yolov3.darknet.cfg_to_plan import graph_from_text
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.plan_to_cfg import cfg_from_plan
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Preprocessing
from yolov3.watching.words import counted


def describe_network(network: nn.Module) -> dict[str, Any]:
    """The plain values from which :func:`build_network` makes the same network without its weights."""
    if isinstance(network, YOLOv3):
        return {
            "kind": "yolov3",
            "variant": network.variant,
            "width": network.width,
            "num_classes": network.num_classes,
            "anchors": [[list(anchor) for anchor in level.anchors] for level in network.levels],
            "xy_scale": network.levels[0].xy_scale,
        }
    if isinstance(network, Darknet53Classifier):
        return {"kind": "darknet53-classifier", "width": network.width, "num_classes": network.num_classes}
    if isinstance(network, DarknetGraph | DarknetClassifierGraph):
        return {"kind": "darknet-graph", "cfg": write_cfg(cfg_from_plan(network.plan))}
    raise TypeError(f"a {type(network).__name__} cannot be stored in a checkpoint")


def build_network(description: dict[str, Any]) -> nn.Module:
    """A network from its description, with fresh weights. Raises ValueError for what is no description."""
    values = dict(description)
    kind = values.pop("kind", None)
    if kind == "yolov3":
        return YOLOv3(**values)
    if kind == "darknet53-classifier":
        return Darknet53Classifier(**values)
    if kind == "darknet-graph":
        return graph_from_text(values["cfg"], "the checkpoint's cfg")
    raise ValueError(f"kind of network must be yolov3, darknet53-classifier or darknet-graph, found {kind!r}")


def describe_in_words(model: dict[str, Any], preprocessing: Preprocessing) -> str:
    """One line for people: which network, how wide, how many classes, which input."""
    how = input_in_words(preprocessing)
    if model["kind"] == "darknet-graph":
        return f"a network of Darknet's family, {how}"
    name = model.get("variant", model["kind"])
    width = "" if model["width"] == 1 else f" x{model['width']:g}"
    return f"{name}{width}, {counted(model['num_classes'], 'class')}, {how}"


def input_in_words(preprocessing: Preprocessing) -> str:
    """The end of that line: ``416x416 letterbox``."""
    height, width = preprocessing.size
    return f"{height}x{width} {preprocessing.fit}"
