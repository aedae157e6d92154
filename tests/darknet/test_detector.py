"""The detector of a .cfg, to be trained on classes and anchors of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolov3.anchors import TINY_ANCHORS
from yolov3.darknet.cfg import read_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.detector import anchors_of, anchors_of_cfg, detector_from_cfg, with_anchors, with_classes
from yolov3.darknet.graph import DarknetGraph
from yolov3.errors import UserError
from yolov3.models.yolov3 import YOLOv3

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
NET = "[net]\nwidth=64\nheight=64\nchannels=3\n"
HEAD = "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
YOLO = "[yolo]\nanchors=1,2,3,4\nnum=2\nclasses=2\n"
OWN_ANCHORS = (((50.0, 60.0), (51.0, 61.0), (52.0, 62.0)), ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)))


@pytest.mark.parametrize("name", ["yolov3", "yolov3-spp", "yolov3-tiny"])
def test_a_shipped_cfg_becomes_a_network_that_computes(name):
    network = detector_from_cfg(CONFIGS / f"{name}.cfg", num_classes=2).eval()
    assert isinstance(network, YOLOv3)
    assert (network.variant, network.num_classes, network.width) == (name, 2, 1.0)
    with torch.no_grad():
        maps = network(torch.zeros(1, 3, 32, 64))
    assert [tuple(m.shape) for m in maps] == [
        (1, 3, 32 // level.stride, 64 // level.stride, 7) for level in network.levels
    ]
    assert all(bool(m.isfinite().all()) for m in maps)


@pytest.mark.shared
def test_a_cfg_of_another_network_becomes_a_graph_of_other_classes(shared):
    network = detector_from_cfg(shared / "darknet" / "yolo-fastest-1.1.cfg", num_classes=3)
    assert isinstance(network, DarknetGraph)
    shapes = [tuple(raw.shape) for raw in network.eval()(torch.zeros(1, 3, 320, 320))]
    assert network.num_classes == 3 and shapes == [(1, 3, 10, 10, 8), (1, 3, 20, 20, 8)]


def test_anchors_of_ones_own_replace_those_of_the_file():
    path = CONFIGS / "yolov3-tiny.cfg"
    with torch.device("meta"):
        network = detector_from_cfg(path, num_classes=2, anchors=OWN_ANCHORS)
    assert tuple(level.anchors for level in network.levels) == OWN_ANCHORS
    assert anchors_of_cfg(path) == TINY_ANCHORS


def test_a_graph_gets_anchors_of_ones_own_too(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text(NET + HEAD + YOLO)
    network = detector_from_cfg(path, num_classes=5, anchors=(((7.0, 8.0), (9.0, 10.0)),))
    assert isinstance(network, DarknetGraph)
    assert network.levels[0].anchors == ((7.0, 8.0), (9.0, 10.0))
    assert network(torch.zeros(1, 3, 64, 64))[0].shape == (1, 2, 64, 64, 10)


@pytest.mark.parametrize(
    ("text", "anchors", "message"),
    [
        (NET + "[avgpool]\n", None, "has no [yolo] layer: it is not a detector"),
        (NET + HEAD + YOLO, (((1.0, 2.0),),), "its [yolo] layers have [2] anchors, [1] were given"),
        (
            NET + HEAD + YOLO,
            (((1.0, 2.0), (3.0, 4.0)),) * 2,
            "its [yolo] layers have [2] anchors, [2, 2] were given",
        ),
        (
            NET + HEAD + "[route]\nlayers=-1\n" + YOLO,
            None,
            "layer 2 ([yolo]) must follow a [convolutional] layer to get other classes",
        ),
    ],
)
def test_what_cannot_be_a_detector_is_refused_by_file(tmp_path, text, anchors, message):
    path = tmp_path / "x.cfg"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        detector_from_cfg(path, num_classes=3, anchors=anchors)
    assert str(caught.value) == f"{path}: {message}"


def test_a_yolo_layer_on_the_bare_image_gets_no_other_classes(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text(NET.replace("channels=3", "channels=3") + "[yolo]\nanchors=1,2\nnum=1\nclasses=1\n")
    with pytest.raises(UserError, match=r"x\.cfg:5: \[yolo\] \(layer 0\) .* found 3"):
        detector_from_cfg(path, num_classes=3)


def test_classes_that_cannot_be_are_refused_with_the_line(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text(NET + HEAD + YOLO)
    with pytest.raises(UserError, match=r"x\.cfg:5: \[convolutional\] \(layer 0\) filters must be 1 to 8192"):
        detector_from_cfg(path, num_classes=8192)


def test_a_classifier_is_no_detector():
    with pytest.raises(UserError, match=r"darknet53\.cfg: has no \[yolo\] layer: it is not a detector"):
        detector_from_cfg(CONFIGS / "darknet53.cfg", num_classes=3)


def test_other_classes_change_the_heads_and_nothing_else():
    plan = plan_from_cfg(read_cfg(CONFIGS / "yolov3-tiny.cfg"))
    changed = with_classes(plan, 3)
    differing = [number for number, pair in enumerate(zip(plan.layers, changed.layers)) if pair[0] != pair[1]]
    assert differing == [15, 16, 22, 23]
    assert [changed.layers[number].filters for number in (15, 22)] == [24, 24]
    assert with_classes(changed, 80) == plan


def test_other_anchors_change_the_yolo_layers_and_nothing_else():
    plan = plan_from_cfg(read_cfg(CONFIGS / "yolov3-tiny.cfg"))
    changed = with_anchors(plan, OWN_ANCHORS)
    differing = [number for number, pair in enumerate(zip(plan.layers, changed.layers)) if pair[0] != pair[1]]
    assert differing == [16, 23]
    assert anchors_of(changed) == OWN_ANCHORS
    assert with_anchors(changed, anchors_of(plan)) == plan
