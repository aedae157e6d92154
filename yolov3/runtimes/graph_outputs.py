"""What goes into an exported graph and what comes out of it, for every program that runs one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from yolov3.codec import RawPredictions
from yolov3.errors import UserError
from yolov3.graphs.facts import GraphFacts
from yolov3.structures import DensePredictions, Predictions, Size

Arrays = Sequence[np.ndarray]


def run_graph(facts: GraphFacts, images: Tensor, run: Callable[[Tensor], Arrays]) -> Predictions:
    """The predictions of images (B, 3, H, W), uint8 or float32 in [0, 1]. ``run`` gets them in the graph's own type: all
    together where the graph takes any number, else one by one. Raises UserError for a size that it does not take."""
    check_size(facts, (images.shape[2], images.shape[3]))
    images = in_the_kind_of(facts, images)
    if facts.dynamic or len(images) == 1:
        return predictions_of(facts, run(images), images)
    outputs = zip(*(run(image) for image in images.split(1)), strict=True)
    return predictions_of(facts, [np.concatenate(each) for each in outputs], images)


def in_the_kind_of(facts: GraphFacts, images: Tensor) -> Tensor:
    """Images as the graph wants them."""
    if facts.input == "float32" and images.dtype == torch.uint8:
        return images.float().div_(255)
    if facts.input == "uint8" and images.dtype != torch.uint8:
        return images.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return images


def predictions_of(facts: GraphFacts, outputs: Arrays, images: Tensor) -> Predictions:
    """What a graph gave for images, as predictions. Of a graph that suppresses itself these are the survivors."""
    tensors = [torch.from_numpy(np.ascontiguousarray(each)) for each in outputs]
    if facts.suppressed is not None:
        boxes, scores, labels, _ = tensors
        return DensePredictions(boxes, scores, functional.one_hot(labels.long(), facts.num_classes).float())
    if facts.outputs == "raw":
        return RawPredictions(tuple(tensors), facts.levels)
    if facts.outputs == "darknet":
        confidences, parts = tensors
        height, width = images.shape[2:]
        boxes = parts[:, :, 0] * torch.tensor([width, height, width, height], dtype=torch.float32)
        return DensePredictions(boxes, torch.ones(confidences.shape[:2]), confidences)
    boxes, objectness, classes = tensors
    return DensePredictions(boxes, objectness, classes)


def check_names(name: str, facts: GraphFacts, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise UserError where the graph called ``name`` has other inputs and outputs than it says of itself."""
    if list(inputs) != [facts.input_name] or list(outputs) != list(facts.output_names):
        raise UserError(
            f"{name}: is not the graph that it says to be: it takes {', '.join(inputs)} and gives {', '.join(outputs)}, not "
            f"{facts.input_name} and {', '.join(facts.output_names)}"
        )


def check_size(facts: GraphFacts, size: Size) -> None:
    """Raise UserError for a size (height, width) that a graph does not take."""
    height, width = size
    if not facts.dynamic and size != facts.size:
        raise UserError(
            f"this graph was exported for images of {facts.size[0]}x{facts.size[1]} (height x width), not {height}x{width}; "
            f"export it again with --imgsz {height} {width}, or with --dynamic for any size"
        )
    if height % facts.stride or width % facts.stride:
        raise UserError(f"images must be multiples of {facts.stride} high and wide, found {height}x{width}")
