"""What every detector promises, and what is said of a network that is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.contract import DetectionNetwork, require_detector
from yolov3.models.yolov3 import VARIANTS, YOLOv3

WIDTH = 0.0625


def detectors() -> list[DetectionNetwork]:
    """Ours, and the graph of each."""
    own = [YOLOv3(variant=variant, num_classes=3, width=WIDTH).eval() for variant in VARIANTS]
    return [*own, *(build_graph(native_plan(network, (64, 64))).eval() for network in own)]


@pytest.mark.parametrize("network", detectors(), ids=lambda n: f"{type(n).__name__}-{len(n.levels)}")
def test_the_grids_are_those_of_the_maps(network):
    for size in ((32, 32), (64, 160)):
        maps = network(torch.zeros(1, 3, *size))
        assert [tuple(m.shape[2:4]) for m in maps] == network.grids(size)
        assert {m.shape[-1] for m in maps} == {5 + network.num_classes}


@pytest.mark.parametrize("network", detectors(), ids=lambda n: f"{type(n).__name__}-{len(n.levels)}")
def test_a_detector_is_given_back_as_it_is(network):
    assert require_detector(network, source="a.pt", description="") is network


def test_the_backbone_is_told_where_it_is_known():
    own, graph = detectors()[0], detectors()[3]
    assert own.backbone is not None
    names = {name.partition(".")[0] for name, _ in own.named_parameters()}
    assert names == {"backbone", "neck", "heads"}
    assert graph.backbone is None


@pytest.mark.parametrize("size", [(33, 32), (32, 48), (31, 31)])
def test_sizes_between_the_cells_are_refused(size):
    with pytest.raises(
        ValueError, match=rf"images must be multiples of 32 high and wide, found \({size[0]}, {size[1]}\)"
    ):
        detectors()[2].check_size(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("network", [Darknet53Classifier(num_classes=2, width=WIDTH), nn.Identity()])
@pytest.mark.parametrize(
    ("description", "message"),
    [("darknet53-classifier, 2 classes", "c.pt: darknet53-classifier, 2 classes is no detector"),
     ("", "c.pt: this model is no detector")],
)  # fmt: skip
def test_what_is_no_detector_is_said_in_words(network, description, message):
    with pytest.raises(UserError) as caught:
        require_detector(network, source="c.pt", description=description)
    assert str(caught.value) == message
