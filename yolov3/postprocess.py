"""From decoded predictions to detections: threshold, non-maximum suppression, the best few, undo of the geometry.

Legend: B images, N places, C classes, K candidates. Thresholds are exceeded strictly, as in Darknet. There is no time
limit: what is found does not depend on the clock.

Source: Darknet's get_yolo_detections and do_nms_sort; the DIoU rule is that of the AlexeyAB branch (box_diounms).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from yolov3.boxes import box_sides, darknet_diou
from yolov3.detections import Detections
from yolov3.geometry import Geometry
from yolov3.structures import Predictions, Suppression

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """The rules by which predictions become detections.

    ``confidence``: objectness, and objectness times class probability, must be above it. ``nms_threshold``: a box whose
    overlap, by the model's ``suppression``, with a better one of its class is above it goes. ``class_agnostic``: boxes of
    different classes suppress each other too.
    ``multi_label``: a place may give several classes. ``classes``: only these labels. At most ``max_candidates`` enter
    the suppression and ``max_detections`` leave it, per image.
    """

    confidence: float = 0.25
    nms_threshold: float = 0.45
    suppression: Suppression = field(default_factory=Suppression)
    class_agnostic: bool = False
    multi_label: bool = False
    max_candidates: int = 30_000
    max_detections: int = 300
    classes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "nms_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], found {getattr(self, name)}")
        for name in ("max_candidates", "max_detections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")


class _Candidates(NamedTuple):
    """Boxes (K, 4), scores (K,) and labels (K,) of one image."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def chosen(self, index: Tensor) -> _Candidates:
        """Those that an index names."""
        return _Candidates(self.boxes[index], self.scores[index], self.labels[index])


def postprocess(
    predictions: Predictions, geometries: Sequence[Geometry], selection: Selection, names: tuple[str, ...] = ()
) -> list[Detections]:
    """Detections of a batch in pixels of the original images, clipped to them, in main memory. What lies wholly outside
    of its image is left out."""
    # Darknet compares boxes relative to the image, which matters to DIoU and not to IoU.
    scales = [(geometry.inner_size[1], geometry.inner_size[0]) for geometry in geometries]
    results = []
    for found, geometry in zip(_select(predictions, selection, scales), geometries, strict=True):
        boxes, scores, labels = (part.cpu() for part in found)
        boxes = geometry.boxes_to_image(boxes)
        sides = box_sides(boxes.numpy())
        inside = (sides > 0).all(axis=1)  # the others lie in the border of the letterbox
        if not inside.all():
            boxes, scores, labels = (part[torch.from_numpy(inside)] for part in (boxes, scores, labels))
        results.append(Detections(boxes, scores, labels, names, geometry.image_size))
    return results


def select(
    predictions: Predictions, selection: Selection, *, scales: Sequence[tuple[float, float]] | None = None
) -> list[Detections]:
    """Detections of each image, best first, boxes in pixels of the network's input, not clipped.

    ``scales``: (width, height) per image by which boxes are divided before DIoU is taken; default 1.
    """
    scales = scales or [(1.0, 1.0)] * len(predictions.objectness)
    return [Detections(*found) for found in _select(predictions, selection, scales)]


def _select(
    predictions: Predictions, selection: Selection, scales: Sequence[tuple[float, float]]
) -> Iterator[_Candidates]:
    for candidates, scale in zip(_candidates(predictions, selection), scales, strict=True):
        if len(candidates.scores) > selection.max_candidates:
            candidates = candidates.chosen(candidates.scores.topk(selection.max_candidates).indices)
        if len(candidates.scores):
            order = _suppress(candidates, selection, scale)[: selection.max_detections]
            candidates = candidates.chosen(order)
        yield candidates


def _candidates(predictions: Predictions, selection: Selection) -> list[_Candidates]:
    """All (place, class) pairs above the threshold, image by image, in the order of the places.

    The objectness comes first: of N places those few that pass are all that is decoded, K rows of 4 + C numbers."""
    images, places = (predictions.objectness > selection.confidence).nonzero(as_tuple=True)
    boxes, classes = predictions.at(images, places)
    scores = predictions.objectness[images, places, None] * classes
    if selection.classes is not None:
        allowed = torch.zeros(scores.shape[1], dtype=torch.bool, device=scores.device)
        allowed[list(selection.classes)] = True
        scores = scores * allowed
    if selection.multi_label:
        rows, labels = (scores > selection.confidence).nonzero(as_tuple=True)
        scores = scores[rows, labels]
    else:
        best, label = scores.max(dim=1)
        rows = (best > selection.confidence).nonzero().squeeze(1)
        scores, labels = best[rows], label[rows]
    boxes, images = boxes[rows], images[rows]
    if predictions.num_nonfinite:
        logger.warning("%d predictions were not finite numbers and were dropped", predictions.num_nonfinite)
        finite = boxes.isfinite().all(dim=1) & scores.isfinite()
        boxes, scores, labels, images = boxes[finite], scores[finite], labels[finite], images[finite]
    count = len(predictions.objectness)
    if count == 1:
        return [_Candidates(boxes, scores, labels)]
    counts = torch.bincount(images, minlength=count).tolist()
    return [_Candidates(*parts) for parts in zip(boxes.split(counts), scores.split(counts), labels.split(counts))]


def _suppress(candidates: _Candidates, selection: Selection, scale: tuple[float, float]) -> Tensor:
    """Indices of the candidates of one image, of which there is at least one, that survive, best first."""
    if selection.suppression.kind == "diou":
        return _suppress_by_diou(candidates, selection, scale)
    boxes = candidates.boxes.double()  # so that the offsets below leave no rounding in the overlaps
    if not selection.class_agnostic:
        # Each class is moved to a region of its own, so that one call serves all; torchvision's batched_nms does
        # the same but is wrong for negative coordinates.
        lowest, highest = boxes.aminmax()
        boxes = boxes + (candidates.labels * (highest - lowest + 1))[:, None]
    return nms(boxes, candidates.scores.double(), selection.nms_threshold)


def _suppress_by_diou(candidates: _Candidates, selection: Selection, scale: tuple[float, float]) -> Tensor:
    boxes = candidates.boxes.double().cpu().numpy() / np.array(scale * 2)
    scores = candidates.scores.cpu().numpy()
    labels = candidates.labels.cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    groups = np.zeros_like(labels) if selection.class_agnostic else labels
    kept = []
    for group in np.unique(groups):
        waiting = order[groups[order] == group]
        while len(waiting):
            best, waiting = waiting[0], waiting[1:]
            kept.append(best)
            overlap = darknet_diou(boxes[best], boxes[waiting], selection.suppression.exponent)
            waiting = waiting[~(overlap > selection.nms_threshold)]
    survivors = np.array(sorted(kept, key=lambda index: (-scores[index], index)), dtype=np.int64)
    return torch.from_numpy(survivors).to(candidates.scores.device)
