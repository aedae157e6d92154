"""What networks cost: the published numbers, and a slow count of every multiplication."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from yolov3.darknet.native import native_plan
from yolov3.darknet.plan import ConvolutionPlan
from yolov3.darknet.trace import input_shapes, trace_shapes
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.cost import count_operations, count_parameters, list_networks
from yolov3.models.yolov3 import VARIANTS, YOLOv3


def slow_operations(network: nn.Module, size: tuple[int, int]) -> int:
    """Two for each weight of each convolution in each of its cells, layer by layer."""
    plan = native_plan(network, size)
    shapes = trace_shapes(plan)
    total = 0
    for number, layer in enumerate(plan.layers):
        if isinstance(layer, ConvolutionPlan):
            channels = input_shapes(plan, shapes, number)[0][0]
            _, rows, columns = shapes[number]
            total += 2 * channels * layer.size**2 * layer.filters * rows * columns
    return total


@pytest.mark.parametrize(
    ("network", "size"),
    [
        *((YOLOv3(variant=variant, num_classes=3, width=0.0625), (64, 96)) for variant in VARIANTS),
        (Darknet53Classifier(num_classes=5, width=0.0625), (64, 64)),
    ],
    ids=[*VARIANTS, "darknet53"],
)
def test_operations_are_those_of_the_convolutions(network, size):
    assert count_operations(network, size) == slow_operations(network, size)


@pytest.mark.parametrize(
    ("name", "side", "billions"), [("yolov3", 416, 65.86), ("yolov3-spp", 608, 141.45), ("yolov3-tiny", 416, 5.56)]
)
def test_operations_are_the_published_ones(name, side, billions):
    with torch.device("meta"):
        network = YOLOv3(variant=name)
    assert count_operations(network, (side, side)) / 1e9 == pytest.approx(billions, rel=0.002)


def test_the_list_holds_every_detector_and_the_classifier_as_it_was_published():
    rows = list_networks(side=416, num_classes=80, width=1.0)
    assert [(row.name, row.num_classes, row.side, row.strides) for row in rows] == [
        ("yolov3", 80, 416, (32, 16, 8)),
        ("yolov3-spp", 80, 416, (32, 16, 8)),
        ("yolov3-tiny", 80, 416, (32, 16)),
        ("darknet53 (classifier)", 1000, 256, (32,)),
    ]
    assert rows[0].parameters == 61_949_149
    assert rows[0].operations / 1e9 == pytest.approx(65.86, rel=0.002)
    assert rows[3].operations / 1e9 == pytest.approx(18.57, rel=0.002)


def test_the_list_follows_classes_side_and_width():
    row = list_networks(side=96, num_classes=3, width=0.125)[2]
    network = YOLOv3(variant="yolov3-tiny", num_classes=3, width=0.125)
    assert (row.name, row.num_classes, row.side) == ("yolov3-tiny", 3, 96)
    assert row.operations == slow_operations(network, (96, 96))
    assert row.parameters == count_parameters(network)


def test_only_what_is_learned_is_counted():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 6))
    assert count_parameters(network) == (3 * 4 * 9 + 4) + 8 + 36
    network[0].requires_grad_(False)
    assert count_parameters(network) == 8 + 36


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_network_as_it_was(training):
    network = YOLOv3(variant="yolov3-tiny", num_classes=1, width=0.0625).train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count_operations(network, (32, 32))
    assert network.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(ValueError, match="multiples of 32"):
        count_operations(network, (33, 32))
    assert network.training is training


def test_nothing_is_computed_on_the_meta_device():
    with torch.device("meta"):
        network = YOLOv3(num_classes=80)
    assert count_operations(network, (4096, 4096)) > 6e12
