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

from yolov3.assign import LevelAssignment, assign_best_anchor, assign_multi_anchor, ignore_mask
from yolov3.boxes import paired_iou
from yolov3.codec import BOX, CLASSES, OBJECTNESS, combine, decode_boxes, encode, level_anchors
from yolov3.config import LossSection
from yolov3.structures import Level, Size, Targets


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
    targets: Targets,
    settings: LossSection,
    *,
    network_size: Size,
    images_per_step: int | None = None,
    positives_per_step: Tensor | None = None,
) -> LossTerms:
    """The loss of a batch of raw maps (B, A, H, W, 5 + C), one per level.

    ``network_size`` (height, width) of the input, by which box sizes are weighed. What the sums are divided by may span
    more than this call when a step is computed in parts: ``images_per_step`` (default B), ``positives_per_step``
    (default this call's).
    """
    maps = [_as_logits(level_maps.float(), level) for level_maps, level in zip(raw, levels, strict=True)]
    assignments = assign(targets, levels, [(m.shape[2], m.shape[3]) for m in maps], maps[0].shape[-1] - 5, settings)
    weights = settings.level_weights or (1.0,) * len(levels)
    if len(weights) != len(levels):
        raise ValueError(f"loss.level_weights needs {len(levels)} numbers for this network, found {len(weights)}")
    sums = torch.stack(
        [
            torch.stack(_level_terms(*parts, targets, settings, network_size=network_size))
            * maps[0].new_tensor((1.0, weight, 1.0))
            for parts, weight in zip(zip(maps, levels, assignments), weights)
        ]
    ).sum(dim=0)
    divisor: Tensor | float = float(images_per_step or len(maps[0]))
    if settings.normaliser == "positives":
        divisor = count_positives(assignments) if positives_per_step is None else positives_per_step
        divisor = divisor.clamp(min=1)
    factors = sums.new_tensor((settings.box_weight, settings.objectness_weight, settings.class_weight))
    box, objectness, classes = (sums * factors / divisor).unbind()
    return LossTerms(box, objectness, classes)


def assign(
    targets: Targets, levels: Sequence[Level], grids: Sequence[Size], num_classes: int, settings: LossSection
) -> list[LevelAssignment]:
    """The answering places of every level, by the assigner that the settings name."""
    if settings.assigner == "multi_anchor":
        return assign_multi_anchor(targets, levels, grids, num_classes, anchor_ratio=settings.anchor_ratio)
    return assign_best_anchor(targets, levels, grids, num_classes)


def count_positives(assignments: Sequence[LevelAssignment]) -> Tensor:
    """Weighted number of answering places in all levels, a scalar."""
    return torch.stack([assignment.weights.sum() for assignment in assignments]).sum()


def _level_terms(
    maps: Tensor,
    level: Level,
    assignment: LevelAssignment,
    targets: Targets,
    settings: LossSection,
    *,
    network_size: Size,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of the box, objectness and class terms of one level."""
    chosen = maps[assignment.place]
    anchors = level_anchors(level, maps.device)[assignment.anchor]
    weights = assignment.weights[:, None]
    if settings.box_kind == "darknet":
        box = _darknet_box_terms(chosen[:, BOX], assignment, anchors, level, network_size)
    else:
        predicted = combine(chosen[:, BOX], assignment.cells, anchors, level)
        box = 1 - paired_iou(predicted, assignment.boxes, settings.box_kind)[:, None]
    # The box term of a mixed picture's object counts in full: its place is certain, only its presence is faint.
    goal = torch.ones_like(assignment.weights)
    if settings.objectness_target == "iou":
        predicted = combine(chosen[:, BOX].detach(), assignment.cells, anchors, level)
        goal = paired_iou(predicted, assignment.boxes).clamp(0, 1)
    objectness = _objectness_terms(maps, level, assignment, goal * assignment.weights, targets, settings)
    smoothing = settings.label_smoothing
    goals = assignment.classes * (1 - smoothing) + smoothing / 2
    classes = functional.binary_cross_entropy_with_logits(chosen[:, CLASSES], goals, reduction="none")
    return (box * weights).sum(), objectness, (classes * weights).sum()


def _darknet_box_terms(
    raw_boxes: Tensor, assignment: LevelAssignment, anchors: Tensor, level: Level, network_size: Size
) -> Tensor:
    """(P, 4): cross entropy on x and y, half the square on w and h, times 2 - w h of the object's relative size."""
    goals = encode(assignment.boxes, assignment.cells, anchors, level)
    sides = assignment.boxes[:, 2:] - assignment.boxes[:, :2]
    size_weight = 2 - sides.prod(dim=1, keepdim=True) / (network_size[0] * network_size[1])
    xy = functional.binary_cross_entropy_with_logits(raw_boxes[:, :2], goals[:, :2].clamp(0, 1), reduction="none")
    wh = (raw_boxes[:, 2:] - goals[:, 2:]).square() / 2
    return size_weight * torch.cat((xy, wh), dim=1)


def _objectness_terms(
    maps: Tensor,
    level: Level,
    assignment: LevelAssignment,
    goal: Tensor,
    targets: Targets,
    settings: LossSection,
) -> Tensor:
    """Sum of the cross entropies of objectness: towards ``goal`` (P,) at the answering places, towards 0 elsewhere
    except at places that overlap an object well enough to be left alone."""
    logits = maps[..., OBJECTNESS]
    with torch.no_grad():
        counted = ~ignore_mask(decode_boxes(maps[..., BOX], level), targets, settings.ignore_threshold)
        counted[assignment.place] = True
    # BCE(x, t) = softplus(x) - t x, so the goals touch only their own places.
    background = (functional.softplus(logits) * counted).sum()
    return background - (goal * logits[assignment.place]).sum()


def _as_logits(maps: Tensor, level: Level) -> Tensor:
    """Maps whose x, y (in the common form), objectness and classes are logits."""
    if not level.new_coordinates:
        return maps
    boxes, rest = maps[..., BOX], maps[..., OBJECTNESS:]
    return torch.cat((boxes, torch.logit(rest, eps=1e-6)), dim=-1)
