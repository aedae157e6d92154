"""A network in plain values: there and back, and in one line for people."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.formats.description import build_network, describe_in_words, describe_network, input_in_words
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import VARIANTS, YOLOv3
from yolov3.structures import Preprocessing

WIDTH = 0.0625
OWN_ANCHORS = [[[50.5, 60.0], [1.0, 2.0]], [[10.0, 12.0], [3.0, 4.0]]]


def networks() -> dict[str, nn.Module]:
    own = YOLOv3(variant="yolov3-tiny", num_classes=3, width=0.3, anchors=OWN_ANCHORS, xy_scale=1.05)
    detectors = {variant: YOLOv3(variant=variant, num_classes=7, width=WIDTH) for variant in VARIANTS}
    graphs = {f"graph of {name}": build_graph(native_plan(network, (64, 96))) for name, network in detectors.items()}
    classifier = Darknet53Classifier(num_classes=5, width=WIDTH)
    return {
        **detectors,
        **graphs,
        "own": own,
        "classifier": classifier,
        "graph of classifier": build_graph(native_plan(classifier, (64, 64))),
        "graph of own": build_graph(native_plan(own, (64, 96))),
    }


@pytest.mark.parametrize("network", networks().values(), ids=networks())
def test_a_network_there_and_back(network):
    description = describe_network(network)
    twin = build_network(json.loads(json.dumps(description)))  # plain values survive any file
    assert type(twin) is type(network)
    assert describe_network(twin) == description
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert {name: tensor.shape for name, tensor in twin.state_dict().items()} == shapes
    twin.load_state_dict(network.state_dict())
    images = torch.rand(1, 3, 64, 64)
    found, expected = (n.eval()(images) for n in (twin, network))
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    assert all(torch.equal(a, b) for a, b in pairs)
    assert getattr(twin, "levels", None) == getattr(network, "levels", None)


@pytest.mark.parametrize(
    ("network", "fitting", "words"),
    [
        (YOLOv3(num_classes=80, width=WIDTH), Preprocessing(), "yolov3 x0.0625, 80 classes, 416x416 letterbox"),
        (
            YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.5),
            Preprocessing((64, 96), "stretch"),
            "yolov3-tiny x0.5, 2 classes, 64x96 stretch",
        ),
        (
            Darknet53Classifier(num_classes=5, width=WIDTH),
            Preprocessing((256, 256)),
            "darknet53-classifier x0.0625, 5 classes, 256x256 letterbox",
        ),
        (
            build_graph(native_plan(YOLOv3(num_classes=3, width=WIDTH), (64, 64))),
            Preprocessing((64, 64)),
            "a network of Darknet's family, 64x64 letterbox",
        ),
    ],
)
def test_a_network_in_words(network, fitting, words):
    assert describe_in_words(describe_network(network), fitting) == words


def test_the_published_width_needs_no_word():
    with torch.device("meta"):
        description = describe_network(YOLOv3(variant="yolov3-tiny"))
    assert describe_in_words(description, Preprocessing()) == "yolov3-tiny, 80 classes, 416x416 letterbox"


@pytest.mark.parametrize("description", [{}, {"kind": "yolov9"}, {"kind": None}])
def test_an_unknown_kind_is_refused(description):
    found = description.get("kind")
    with pytest.raises(ValueError, match=f"yolov3, darknet53-classifier or darknet-graph, found {found!r}"):
        build_network(description)


def test_a_description_is_not_used_up():
    description = {"kind": "darknet53-classifier", "width": WIDTH, "num_classes": 2}
    build_network(description)
    assert description == {"kind": "darknet53-classifier", "width": WIDTH, "num_classes": 2}


def test_a_graphs_cfg_is_read_as_strictly_as_any():
    with pytest.raises(UserError, match=r"cfg:2: \[net\] width must be 1 to 8192, found 0"):
        build_network({"kind": "darknet-graph", "cfg": "[net]\nwidth=0\nheight=32\nchannels=3\n"})


def test_what_is_none_of_ours_cannot_be_described():
    with pytest.raises(TypeError, match="a Linear cannot be stored in a checkpoint"):
        describe_network(nn.Linear(1, 1))


def test_an_input_in_words():
    assert input_in_words(Preprocessing((64, 96), "stretch")) == "64x96 stretch"
