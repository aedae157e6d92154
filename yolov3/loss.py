"""The named terms of the detection loss, from raw maps and the true boxes.

Legend: B images, A anchors, H W cells, C classes, P answering places. Boxes are xyxy pixels of the network's input.

Source: with the settings' defaults this is the function whose gradient Darknet's forward_yolo_layer stores as delta,
summed over places and divided by the number of images (Redmon and Farhadi 2018; see docs of the recipe). Every term
is a sum before it is divided, so images without objects weigh as much as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from yolov3.assign import Assignment, LevelAssignment, ignore_mask
from yolov3.box_losses import BOX_LOSSES, BoxTask
from yolov3.boxes import paired_iou
from yolov3.codec import combine, decode_boxes, level_anchors
from yolov3.config.learning import LossSection
from yolov3.errors import UserError
from yolov3.prediction_layout import BOX, CLASSES, OBJECTNESS
from yolov3.structures import Level, Targets


@dataclass(frozen=True)
class LossTerms:
    """The weighted terms, scalars: their sum is what is minimised."""

    box: Tensor
    objectness: Tensor
    classes: Tensor

    @property
    def total(self) -> Tensor:
        return self.box + self.objectness + self.classes

    def detached(self) -> Tensor:
        """(3,) box, objectness, classes without their graphs."""
        return torch.stack((self.box.detach(), self.objectness.detach(), self.classes.detach()))


def detection_loss(
    raw: Sequence[Tensor],
    levels: Sequence[Level],
    assignment: Assignment,
    settings: LossSection,
    *,
    divisor: Tensor | float,
) -> LossTerms:
    """The loss of raw maps (B, A, H, W, 5 + C), one per level, whose objects are assigned (yolov3/assign.py).

    ``divisor`` is what the sums are divided by (:func:`loss_divisor`); it may span more than this call when a batch is
    computed in parts.
    """
    weights = settings.level_weights or (1.0,) * len(levels)
    if len(weights) != len(levels):
        raise UserError(f"loss.level_weights needs {len(levels)} numbers for this network, found {len(weights)}")
    maps = [_as_logits(level_maps.float(), level) for level_maps, level in zip(raw, levels, strict=True)]
    sums = torch.stack(
        [
            torch.stack(_level_terms(level_maps, level, places, assignment, settings))
            * level_maps.new_tensor((1.0, weight, 1.0))
            for level_maps, level, places, weight in zip(maps, levels, assignment.levels, weights, strict=True)
        ]
    ).sum(dim=0)
    factors = sums.new_tensor((settings.box_weight, settings.objectness_weight, settings.class_weight))
    box, objectness, classes = (sums * factors / divisor).unbind()
    return LossTerms(box, objectness, classes)


def loss_divisor(settings: LossSection, *, num_images: int, num_positives: Tensor) -> Tensor | float:
    """What the sums over a batch are divided by: its images, or its answering places (at least 1)."""
    return num_positives.clamp(min=1) if settings.normaliser == "positives" else float(num_images)


def _level_terms(
    maps: Tensor, level: Level, places: LevelAssignment, assignment: Assignment, settings: LossSection
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of the box, objectness and class terms of one level."""
    chosen = maps[places.place]
    anchors = level_anchors(level, maps.device)[places.anchor]
    weights = places.weights[:, None]
    task = BoxTask(chosen[:, BOX], places.boxes, places.cells, anchors, level, assignment.network_size)
    box = BOX_LOSSES[settings.box_kind](task)
    # The box term of a mixed image's object counts in full: its place is certain, only its presence is faint.
    goal = torch.ones_like(places.weights)
    if settings.objectness_target == "iou":
        predicted = combine(chosen[:, BOX].detach(), places.cells, anchors, level)
        goal = paired_iou(predicted, places.boxes).clamp(0, 1)
    objectness = _objectness_terms(maps, level, places, goal * places.weights, assignment.targets, settings)
    smoothing = settings.label_smoothing
    goals = places.classes * (1 - smoothing) + smoothing / 2
    classes = functional.binary_cross_entropy_with_logits(chosen[:, CLASSES], goals, reduction="none")
    return (box * weights).sum(), objectness, (classes * weights).sum()


def _objectness_terms(
    maps: Tensor,
    level: Level,
    places: LevelAssignment,
    goal: Tensor,
    targets: Targets,
    settings: LossSection,
) -> Tensor:
    """Sum of the cross entropies of objectness: towards ``goal`` (P,) at the answering places, towards 0 elsewhere
    except at places that overlap an object well enough to be left alone."""
    logits = maps[..., OBJECTNESS]
    with torch.no_grad():
        counted = ~ignore_mask(decode_boxes(maps[..., BOX], level), targets, settings.ignore_threshold)
        counted[places.place] = True
    # BCE(x, t) = softplus(x) - t x, so the goals touch only their own places.
    background = (functional.softplus(logits) * counted).sum()
    return background - (goal * logits[places.place]).sum()


def _as_logits(maps: Tensor, level: Level) -> Tensor:
    """Maps whose x, y (in the common form), objectness and classes are logits."""
    if not level.new_coordinates:
        return maps
    boxes, rest = maps[..., BOX], maps[..., OBJECTNESS:]
    return torch.cat((boxes, torch.logit(rest, eps=1e-6)), dim=-1)
