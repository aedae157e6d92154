"""What the place of a box costs: the losses that ``loss.box_kind`` can name, each a pure function.

Legend: P answering places. Boxes are xyxy pixels of the network's input.

Sources: ``darknet`` is what Darknet's forward_yolo_layer minimises (Redmon and Farhadi 2018); the others are 1 minus a
relative of the IoU (see yolov3/boxes.py). A new one is a function and a line in ``BOX_LOSSES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from yolov3.boxes import IouKind, box_sides, paired_iou
from yolov3.codec import combine, encode
from yolov3.prediction_layout import WH, XY
from yolov3.structures import Level, Size


@dataclass(frozen=True)
class BoxTask:
    """The boxes that one level is to predict: ``raw`` (P, 4) x, y, w, h of the network, ``goals`` (P, 4) the true boxes,
    ``cells`` (P, 2) columns and rows, ``anchors`` (P, 2) pixels, the level, and the (height, width) of the input."""

    raw: Tensor
    goals: Tensor
    cells: Tensor
    anchors: Tensor
    level: Level
    network_size: Size

    def predicted(self) -> Tensor:
        """(P, 4) the boxes that the network predicts."""
        return combine(self.raw, self.cells, self.anchors, self.level)


BoxLoss = Callable[[BoxTask], Tensor]
"""(P, 1) or (P, 4): what each place costs, in one number or one per entry."""


def darknet_box_loss(task: BoxTask) -> Tensor:
    """(P, 4): cross entropy on x and y, half the square on w and h, times 2 - w h of the object's relative size."""
    goals = encode(task.goals, task.cells, task.anchors, task.level)
    size_weight = 2 - box_sides(task.goals).prod(dim=1, keepdim=True) / (task.network_size[0] * task.network_size[1])
    xy = functional.binary_cross_entropy_with_logits(task.raw[:, XY], goals[:, XY].clamp(0, 1), reduction="none")
    wh = (task.raw[:, WH] - goals[:, WH]).square() / 2
    return size_weight * torch.cat((xy, wh), dim=1)


def overlap_loss(task: BoxTask, kind: IouKind) -> Tensor:
    """(P, 1): 1 minus the IoU, or a relative of it, of the predicted box with the true one."""
    return 1 - paired_iou(task.predicted(), task.goals, kind)[:, None]


BOX_LOSSES: dict[str, BoxLoss] = {
    "darknet": darknet_box_loss,
    "iou": partial(overlap_loss, kind="iou"),
    "giou": partial(overlap_loss, kind="giou"),
    "diou": partial(overlap_loss, kind="diou"),
    "ciou": partial(overlap_loss, kind="ciou"),
}
