"""How far two runtimes of one model lie apart on images: numbers of the very same places, and detections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolov3.boxes import iou_matrix
from yolov3.detections import Detections
from yolov3.geometry import Geometry
from yolov3.runtimes.runtime import Runtime
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import Predictions, Preprocessing

SUREST = 100
"""Places of an image, by the first runtime's scores, whose boxes are compared; the others nobody looks at."""

SAME = 0.5
"""IoU from which on two detections of one class are the same thing."""


@dataclass(frozen=True)
class Agreement:
    """``score`` and ``box`` are the largest differences, in probability and in pixels of the network's input, among the
    places that both give, or where a graph suppresses by itself among the detections that both found. ``both``, ``gained``
    and ``lost`` count detections; ``near`` of the latter two have a score that is no further from the threshold than the
    largest difference: they tell nothing new."""

    images: int
    score: float
    box: float
    both: int
    gained: int
    lost: int
    near: int

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(
    first: Runtime,
    second: Runtime,
    images: Iterable[np.ndarray],
    preprocessing: Preprocessing,
    selection: Selection,
    *,
    by_places: bool = True,
) -> Agreement:
    """How ``second`` differs from ``first`` on images (H, W, 3) uint8 RGB: by the places that both give, or, where
    ``second`` has suppressed boxes already, by the detections that both found."""
    scores, boxes = [0.0], [0.0]
    both, gained, lost = 0, [], []
    count = 0
    for image in images:
        count += 1
        geometry = Geometry.fit((image.shape[0], image.shape[1]), preprocessing)
        batch = torch.from_numpy(geometry.apply_image(image)[None]).permute(0, 3, 1, 2)
        predictions = first(batch), second(batch)
        found = [postprocess(each, [geometry], selection)[0] for each in predictions]
        pairs, only_first, only_second = match(*found)
        both += len(pairs)
        lost += only_first
        gained += only_second
        if by_places:
            score, box = _difference_of_places(*predictions)
        else:
            score, box = _difference_of_pairs(found[0], found[1], pairs, geometry)
        scores.append(score)
        boxes.append(box)
    near = sum(score - selection.confidence <= max(scores) for score in (*gained, *lost))
    return Agreement(count, max(scores), max(boxes), both, len(gained), len(lost), near)


def match(first: Detections, second: Detections) -> tuple[list[tuple[int, int]], list[float], list[float]]:
    """The detections that both have, as pairs of numbers, each of the first with the one of the second that overlaps it
    most and has the nearest score (boxes that reach beyond the image are the same once they are clipped to it); and the
    scores of those that only the one or the other has."""
    overlaps = (
        iou_matrix(first.boxes, second.boxes) if len(first) and len(second) else torch.zeros(len(first), len(second))
    )
    overlaps = overlaps * (first.labels[:, None] == second.labels)
    likeness = overlaps - (first.scores[:, None] - second.scores).abs()
    pairs: list[tuple[int, int]] = []
    free = set(range(len(second)))
    for index in range(len(first)):
        near = [other for other in free if overlaps[index, other] >= SAME]
        if near:
            best = max(near, key=lambda other: float(likeness[index, other]))
            pairs.append((index, best))
            free.remove(best)
    mine = {index for index, _ in pairs}
    lost = [score for index, score in enumerate(first.scores.tolist()) if index not in mine]
    return pairs, lost, [second.scores[other].item() for other in sorted(free)]


def _difference_of_places(first: Predictions, second: Predictions) -> tuple[float, float]:
    (mine, scores), (its, other_scores) = (_all_places(each) for each in (first, second))
    surest = scores.max(dim=-1).values.topk(min(SUREST, len(scores))).indices
    return float((scores - other_scores).abs().max()), float((mine - its)[surest].abs().max())


def _all_places(predictions: Predictions) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4) and scores (N, C) of a batch of one image."""
    objectness = predictions.objectness[0]
    places = torch.arange(len(objectness), device=objectness.device)
    boxes, classes = predictions.at(torch.zeros_like(places), places)
    return boxes, objectness[:, None] * classes


def _difference_of_pairs(
    first: Detections, second: Detections, pairs: list[tuple[int, int]], geometry: Geometry
) -> tuple[float, float]:
    if not pairs:
        return 0.0, 0.0
    mine, its = (list(side) for side in zip(*pairs))
    boxes = [
        geometry.boxes_to_network(found.boxes[numbers].numpy()) for found, numbers in ((first, mine), (second, its))
    ]
    score = float((first.scores[mine] - second.scores[its]).abs().max())
    return score, float(np.abs(boxes[0] - boxes[1]).max())
