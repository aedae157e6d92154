"""The anchor head: where each number of a raw prediction comes from, and how it starts."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from yolov3.models.head import OBJECTNESS_PRIOR, AnchorHead, initialise_prior, split_anchors

ANCHORS, CLASSES = 3, 2
ENTRIES = 5 + CLASSES


def test_a_head_gives_a_prediction_for_every_anchor_in_every_cell():
    head = AnchorHead(8, 16, num_anchors=ANCHORS, num_classes=CLASSES).eval()
    assert head(torch.rand(2, 8, 4, 5)).shape == (2, ANCHORS, 4, 5, ENTRIES)
    assert head.predict.kernel_size == (1, 1)
    assert head.predict.bias is not None


def test_anchors_are_split_as_darknet_lays_them_out():
    maps = torch.arange(2 * ANCHORS * ENTRIES * 4 * 5).view(2, ANCHORS * ENTRIES, 4, 5)
    split = split_anchors(maps, ANCHORS)
    assert split.shape == (2, ANCHORS, 4, 5, ENTRIES)
    for image, anchor, row, column, entry in itertools.product(*map(range, split.shape)):
        # entry_index() of Darknet's yolo_layer.c
        place = image * ANCHORS * ENTRIES * 20 + anchor * ENTRIES * 20 + entry * 20 + row * 5 + column
        assert split[image, anchor, row, column, entry] == maps.flatten()[place]


def test_splitting_copies_nothing():
    maps = torch.zeros(1, ANCHORS * ENTRIES, 2, 2)
    split_anchors(maps, ANCHORS)[0, 1, 0, 0, 4] = 7
    assert maps[0, ENTRIES + 4, 0, 0] == 7


@pytest.mark.parametrize("classes", [1, 2, 80])
def test_heads_start_with_few_objects_and_undecided_classes(classes):
    predict = nn.Conv2d(64, ANCHORS * (5 + classes), 1)
    initialise_prior(predict, num_anchors=ANCHORS, num_classes=classes)
    bias = predict.bias.detach().view(ANCHORS, -1)
    assert torch.equal(bias[:, :4], torch.zeros(ANCHORS, 4))
    torch.testing.assert_close(bias[:, 4].sigmoid(), torch.full((ANCHORS,), OBJECTNESS_PRIOR))
    torch.testing.assert_close(bias[:, 5:].sigmoid(), torch.full((ANCHORS, classes), 1 / (classes + 1)))
    assert predict.weight.std().item() == pytest.approx(0.01, rel=0.2)
