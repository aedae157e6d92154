"""The bottom of the loss: nothing lies below it, and near it everything does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from yolov3.anchors import TINY_ANCHORS, make_levels
from yolov3.assign import Assignment, assign
from yolov3.codec import decode
from yolov3.config.learning import LossSection
from yolov3.doctor.learning.least import least_loss, perfect_map
from yolov3.loss import detection_loss
from yolov3.structures import Targets

LEVELS = make_levels(TINY_ANCHORS, (32, 16))
BOXES = torch.tensor([[10.0, 20, 90, 110], [64, 64, 80, 90], [5, 100, 120, 127], [33, 7, 61, 40]])
LABELS = torch.tensor([0, 2, 1, 1])
SETTINGS = {
    "darknet": LossSection(),
    "giou": LossSection(box_kind="giou", objectness_target="iou", normaliser="positives"),
    "smooth": LossSection(label_smoothing=0.1, box_weight=2.0),
}


def assigned(settings: LossSection, levels=LEVELS) -> Assignment:
    targets = Targets(BOXES, LABELS, torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.bool), torch.ones(4))
    return assign(targets, levels, settings, network_size=(128, 128), num_classes=3)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_maps_have_less(name):
    settings = SETTINGS[name]
    assignment = assigned(settings)
    least = least_loss(LEVELS, assignment, settings, divisor=2.0).detached()
    assert least.isfinite().all() and least[1] < 1e-3
    generator = torch.Generator().manual_seed(0)
    perfect = [
        perfect_map(level, places, (128, 128), 2, settings.label_smoothing)
        for level, places in zip(LEVELS, assignment.levels, strict=True)
    ]
    for size in (1e-3, 0.1, 1.0, 10.0):
        for _ in range(10):
            maps = [each + size * torch.randn(each.shape, generator=generator) for each in perfect]
            terms = detection_loss(maps, LEVELS, assignment, settings, divisor=2.0).detached()
            assert (terms >= least - 1e-4).all(), (size, terms, least)
    assert (terms > least + 0.1).all()


@pytest.mark.parametrize("new", [False, True])
def test_perfect_maps_hold_the_boxes(new):
    levels = tuple(replace(level, new_coordinates=new) for level in LEVELS)
    assignment = assigned(LossSection(), levels)
    maps = [perfect_map(level, places, (128, 128), 2, 0.0) for level, places in zip(levels, assignment.levels)]
    found = decode(maps, levels)
    for image in range(2):
        there = found.objectness[image] > 0.5
        boxes = found.boxes[image][there]
        labels = found.classes[image][there].argmax(1)
        wanted = [(box.tolist(), label.item()) for box, label in zip(BOXES[2 * image :][:2], LABELS[2 * image :][:2])]
        assert len(boxes) == 2
        for box, label in zip(boxes, labels):
            assert any(label == other and torch.allclose(box, torch.tensor(true), atol=1e-2) for true, other in wanted)
    assert least_loss(levels, assignment, LossSection(), divisor=1.0).classes < 1e-3


def test_without_objects_there_is_nothing_to_pay():
    none = Targets(
        torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, dtype=torch.bool), torch.zeros(0),
    )  # fmt: skip
    assignment = assign(none, LEVELS, LossSection(), network_size=(64, 64), num_classes=3)
    assert least_loss(LEVELS, assignment, LossSection(), divisor=1.0).total < 1e-3
