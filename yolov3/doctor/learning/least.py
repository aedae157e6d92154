"""The least that each term of the detection loss can be on a batch. It is not 0: the cross entropy with a goal between 0 and
1, as the place of an object within a cell is, has the entropy of that goal at its bottom.

Legend: B images, A anchors, H W cells, C classes, P answering places.
"""

from __future__ import annotations

import torch
from torch import Tensor

from yolov3.assign import Assignment, LevelAssignment
from yolov3.codec import encode, level_anchors
from yolov3.config.learning import LossSection
from yolov3.loss import LossTerms, detection_loss
from yolov3.prediction_layout import BOX, CLASSES, FIXED_ENTRIES, OBJECTNESS
from yolov3.structures import Level

SURE = 20.0
"""A logit of 1 in float32."""


def least_loss(
    levels: tuple[Level, ...], assignment: Assignment, settings: LossSection, *, divisor: Tensor | float
) -> LossTerms:
    """The terms of the loss of maps that say what the assigned objects want."""
    count = 1 + max((int(places.image.max()) for places in assignment.levels if len(places)), default=0)
    maps = perfect_maps(levels, assignment, count, settings)
    return detection_loss(maps, levels, assignment, settings, divisor=divisor)


def perfect_maps(
    levels: tuple[Level, ...], assignment: Assignment, num_images: int, settings: LossSection
) -> tuple[Tensor, ...]:
    """Raw maps (B, A, H, W, 5 + C) of all levels that say what the assigned objects want: the most that there is to learn. Of
    objects that share a place only one is in them."""
    return tuple(
        perfect_map(level, places, assignment.network_size, num_images, settings.label_smoothing)
        for level, places in zip(levels, assignment.levels, strict=True)
    )


def perfect_map(
    level: Level, places: LevelAssignment, size: tuple[int, int], num_images: int, smoothing: float
) -> Tensor:
    """The raw map (B, A, H, W, 5 + C) of a level that has each object at the places (P,) that answer for it, and nothing
    elsewhere; ``size`` (height, width) of the input."""
    height, width = (side // level.stride for side in size)
    entries = FIXED_ENTRIES + places.classes.shape[1]
    maps = places.boxes.new_zeros((num_images, len(level.anchors), height, width, entries))
    anchors = level_anchors(level, maps.device)[places.anchor]
    box = encode(places.boxes, places.cells, anchors, level)
    goals = places.classes * (1 - smoothing) + smoothing / 2
    if level.new_coordinates:  # its maps hold probabilities
        presence, absence = 1.0, 0.0
    else:
        presence, absence = SURE, -SURE
        box = torch.cat((_logit(box[:, :2]), box[:, 2:]), dim=1)
        goals = _logit(goals)
    maps[..., OBJECTNESS] = absence
    rows = maps.new_zeros((len(places), entries))
    rows[:, BOX], rows[:, OBJECTNESS], rows[:, CLASSES] = box, presence, goals
    maps[places.place] = rows
    return maps


def _logit(probabilities: Tensor) -> Tensor:
    return torch.logit(probabilities, eps=1e-7).clamp(-SURE, SURE)
