"""Darknet-53 as a classifier: the published count, logits, and the average over the map."""

from __future__ import annotations

import pytest
import torch

from yolov3.models.classifier import Darknet53Classifier

WIDTH = 0.0625


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        network = Darknet53Classifier()
    assert sum(t.numel() for t in network.state_dict().values() if t.is_floating_point()) == 41_645_640


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (100, 70)])
def test_classifier_gives_logits_for_any_size(size):
    network = Darknet53Classifier(num_classes=5, width=WIDTH).eval()
    assert network(torch.rand(2, 3, *size)).shape == (2, 5)


def test_logits_are_the_mean_over_the_cells_of_the_coarse_map():
    network = Darknet53Classifier(num_classes=3, width=WIDTH).double().eval()
    images = torch.rand(2, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        found = network(images)
        coarse = network.backbone(images)[0]
        cells = [network.classify(coarse[:, :, row, column]) for row in range(2) for column in range(3)]
    torch.testing.assert_close(found, sum(cells) / len(cells))


def test_training_starts_undecided():
    torch.manual_seed(0)
    network = Darknet53Classifier(num_classes=4, width=0.25).train()
    chances = network(torch.rand(4, 3, 64, 64)).softmax(1)
    assert chances.max() < 0.5
    assert torch.equal(network.classify.bias, torch.zeros(4))


def test_a_classifier_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"num_classes \(=0\) must be at least 1"):
        Darknet53Classifier(num_classes=0)
