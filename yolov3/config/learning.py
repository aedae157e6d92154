"""The settings of how a network learns: varied images, the loss, the optimiser.

The switches between the original way of training and later ones name where they come from and the gain published there:
BoF is Bag of Freebies (Zhang et al. 2019; YOLOv3 at 416, mAP on VOC 2007), PP-YOLO (Long et al. 2020) and YOLOX (Ge et
al. 2021) are AP on COCO with YOLOv3's network. What they bring here is measured in docs/recipes.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from yolov3.config.kinds import (
    BelowOne,
    CountFromZero,
    Factor,
    Fraction,
    NotNegative,
    Positive,
    Rate,
    Section,
    Zoom,
    require_order,
)
from yolov3.limits import LARGEST_NUMBER


def _known_box_loss(kind: object) -> object:
    names = box_losses()
    if kind not in names:
        expected = " or ".join(", ".join(map(repr, names)).rsplit(", ", 1))
        raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
    return kind


def box_losses() -> list[str]:
    """The names that loss.box_kind can have."""
    from yolov3.box_losses import (
        BOX_LOSSES,  # imports torch, which takes seconds: only where one is named or all are told
    )

    return list(BOX_LOSSES)


BoxKind = Annotated[str, BeforeValidator(_known_box_loss), Field(json_schema_extra={"names": "box losses"})]


class AugmentSection(Section):
    """How the images of the training are varied."""

    flip: Fraction = 0.5
    """probability of a horizontal mirror image"""
    hue: Fraction = 0.1
    """largest shift of the hue, in turns"""
    saturation: Factor = 1.5
    """largest factor on the saturation, or its inverse"""
    exposure: Factor = 1.5
    """largest factor on the brightness, or its inverse"""
    jitter: BelowOne = 0.3
    """largest relative change of each side (changes the aspect)"""
    scale: tuple[Zoom, Zoom] = (1.0, 1.0)
    """smallest and largest zoom; 1 fits the whole image"""
    translate: Fraction = 1.0
    """how freely the image is placed in the free space (1: anywhere, 0: centred)"""
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """largest rotation in degrees"""
    flip_vertical: Fraction = 0.0
    """probability of an upside-down image (microscopes, aerial images)"""
    blur: Fraction = 0.0
    """probability of a slight blur"""
    noise: Fraction = 0.0
    """probability of sensor noise"""
    mosaic: Fraction = 0.0
    """probability of four images in one (after YOLOv4; YOLOX: +2.4 AP together with mixup)"""
    mixup: Fraction = 0.0
    """probability of two images blended (BoF: +1.5 mAP)"""
    close_mosaic: CountFromZero = 0
    """neither of them for the last N epochs (YOLOX: 15 of 300)"""
    minimum_visible: Fraction = 0.1
    """a box of which less than this share stays in the image is dropped"""

    @model_validator(mode="after")
    def _zooms_are_in_order(self) -> AugmentSection:
        require_order("scale", self.scale)
        return self


class LossSection(Section):
    """What the network is punished for."""

    box_kind: BoxKind = "darknet"
    """darknet: cross-entropy on x and y, half squares on w and h; or 1 - IoU or a relative (PP-YOLO: IoU, +0.5 AP)"""
    assigner: Literal["best_anchor", "multi_anchor"] = "best_anchor"
    """the best anchor of each object; or all that fit it, at neighbouring cells too (YOLOX: several positives, +2.1 AP)"""
    anchor_ratio: Annotated[float, Field(gt=1, le=LARGEST_NUMBER)] = 4.0
    """multi_anchor: largest ratio of an object's sides to an anchor's"""
    ignore_threshold: Fraction = 0.7
    """a background prediction this close (IoU) to an object is not punished"""
    objectness_target: Literal["one", "iou"] = "one"
    """what objectness learns: 1, or the box's IoU with its object (PP-YOLO, as a branch of its own: +0.6 AP)"""
    normaliser: Literal["batch", "positives"] = "batch"
    """what the sums are divided by; batch is Darknet's"""
    box_weight: NotNegative = 1.0
    """factor on the loss of the boxes"""
    objectness_weight: NotNegative = 1.0
    """factor on the loss of objectness"""
    class_weight: NotNegative = 1.0
    """factor on the loss of the classes"""
    level_weights: tuple[Positive, ...] | None = None
    """objectness weight per level, coarse first; null: 1 each"""
    label_smoothing: BelowOne = 0.0
    """goals 1 - s/2 and s/2 (BoF: +0.45 mAP)"""


class OptimiserSection(Section):
    """How the weights follow the gradient."""

    learning_rate: Rate = 0.001
    """length of a step, after the warm-up"""
    momentum: BelowOne = 0.9
    """share of the last step that goes on in the next"""
    nesterov: bool = False
    """Nesterov's momentum"""
    weight_decay: NotNegative = 0.0005
    """on the weights of convolutions"""
    decay_everything: bool = False
    """on biases and norms too; Darknet and BoF do not, gain not published alone"""
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    """how the learning rate falls; Darknet has steps (BoF: cosine, +0.46 mAP)"""
    final_ratio: Fraction = 0.01
    """cosine: last learning rate as a share of the first"""
    steps: tuple[Fraction, ...] = (0.8, 0.9)
    """steps: at these shares of the training the learning rate falls"""
    step_factor: Fraction = 0.1
    """steps: it is multiplied by this there"""
    warmup_epochs: NotNegative = 1.0
    """so long the learning rate grows from 0"""
    warmup_power: Annotated[float, Field(gt=0, le=100)] = 4.0
    """learning rate ~ (step / warm-up steps) ** power; Darknet's burn-in has 4"""
    gradient_clip: NotNegative = 0.0
    """largest norm of the gradient; 0 = no limit"""
