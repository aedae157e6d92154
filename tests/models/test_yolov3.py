"""Networks: the published counts, the contract of their maps, and the traps of their layers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.darknet53 import Darknet53
from yolov3.models.layers import SpatialPyramidPooling, StrideOneMaxPool
from yolov3.models.yolov3 import VARIANTS, YOLOv3


def count(network: torch.nn.Module) -> tuple[int, int]:
    """(trainable, floats in a .weights file)."""
    trainable = sum(p.numel() for p in network.parameters())
    stored = sum(t.numel() for t in network.state_dict().values() if t.is_floating_point())
    return trainable, stored


@pytest.mark.parametrize(
    ("variant", "classes", "stored"),
    [
        ("yolov3", 80, 62_001_757),
        ("yolov3-spp", 80, 63_052_381),
        ("yolov3-tiny", 80, 8_858_734),
        ("yolov3", 20, 61_678_657),
        ("yolov3", 601, 64_807_342),
    ],
)
def test_sizes_are_the_published_ones(variant, classes, stored):
    with torch.device("meta"):
        network = YOLOv3(variant=variant, num_classes=classes)
    assert count(network)[1] == stored
    if (variant, classes) == ("yolov3", 80):
        assert count(network)[0] == 61_949_149


def test_backbone_and_classifier_sizes():
    with torch.device("meta"):
        assert count(Darknet53())[1] == 40_620_640
        assert count(Darknet53Classifier())[1] == 41_645_640


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("classes", "width"), [(1, 0.0625), (7, 0.25)])
def test_maps_keep_the_contract_for_any_size(variant, classes, width):
    network = YOLOv3(variant=variant, num_classes=classes, width=width).eval()
    for height, breadth in ((32, 32), (96, 160)):
        maps = network(torch.rand(2, 3, height, breadth))
        assert len(maps) == len(network.levels)
        for level_maps, level in zip(maps, network.levels):
            grid = (height // level.stride, breadth // level.stride)
            assert level_maps.shape == (2, len(level.anchors), *grid, 5 + classes)
    assert [level.stride for level in network.levels] == ([32, 16] if variant == "yolov3-tiny" else [32, 16, 8])


def test_darknet53_returns_its_three_maps_under_their_names():
    backbone = Darknet53(width=0.0625).eval()
    maps = backbone(torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 64, 2, 3), (1, 32, 4, 6), (1, 16, 8, 12)]
    stages = "conv1 conv2 conv3_4 conv5 conv6_9 conv10 conv11_26 conv27 conv28_43 conv44 conv45_52"
    assert " ".join(name for name, _ in backbone.named_children()) == stages


def test_training_starts_with_calm_objectness():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=3)
    for maps in network(torch.rand(2, 3, 64, 64)):
        assert maps[..., 4].sigmoid().mean().item() == pytest.approx(0.01, rel=0.3)


def test_pyramid_pooling_is_the_plain_pools_in_darknets_order():
    features = torch.randn(2, 3, 19, 13)
    plain = [functional.max_pool2d(features, k, stride=1, padding=k // 2) for k in (13, 9, 5)]
    assert torch.equal(SpatialPyramidPooling()(features), torch.cat((*plain, features), dim=1))


def test_stride_one_pool_sees_minus_infinity_beyond_the_edge():
    features = -torch.rand(1, 2, 4, 5) - 1  # all negative: zero padding would show
    padded = functional.pad(features, (0, 1, 0, 1), value=float("-inf"))
    assert torch.equal(StrideOneMaxPool()(features), functional.max_pool2d(padded, 2, stride=1))


def test_classifier_gives_logits():
    assert Darknet53Classifier(num_classes=5, width=0.0625).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 5)


def test_impossible_networks_and_images_are_refused():
    with pytest.raises(ValueError, match="num_classes"):
        YOLOv3(num_classes=0)
    with pytest.raises(ValueError, match="variant"):
        YOLOv3(variant="yolov9")
    with pytest.raises(ValueError, match="3"):
        YOLOv3(anchors=[[[1, 2]]], width=0.0625)
    with pytest.raises(ValueError, match="multiples of 32"):
        YOLOv3(variant="yolov3-tiny", width=0.0625)(torch.rand(1, 3, 100, 96))
