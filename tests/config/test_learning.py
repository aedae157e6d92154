"""The settings of learning: what can be named is there, and what contradicts the original is off by default."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from yolov3.box_losses import BOX_LOSSES
from yolov3.config.learning import AugmentSection, LossSection, OptimiserSection
from yolov3.config.settings import all_settings


def test_exactly_the_box_losses_there_are_can_be_named():
    assert all_settings()["loss.box_kind"].allowed == f"one of {', '.join(BOX_LOSSES)}"
    for kind in BOX_LOSSES:
        assert LossSection(box_kind=kind).box_kind == kind
    with pytest.raises(ValidationError, match="'ciou'"):
        LossSection(box_kind="foo")


def test_what_came_after_the_original_is_off_by_default():
    augment, loss, optimiser = AugmentSection(), LossSection(), OptimiserSection()
    assert augment.mosaic == augment.mixup == augment.rotate == augment.flip_vertical == 0
    assert (loss.box_kind, loss.assigner, loss.objectness_target) == ("darknet", "best_anchor", "one")
    assert loss.label_smoothing == optimiser.gradient_clip == 0 and not optimiser.nesterov
