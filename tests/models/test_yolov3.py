"""YOLOv3 and its variants: the published counts, the contract of their maps, and networks that cannot be."""

from __future__ import annotations

import pytest
import torch

from yolov3.anchors import TINY_ANCHORS, YOLOV3_ANCHORS
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_anchors_it_has_the_published_ones(variant):
    with torch.device("meta"):
        network = YOLOv3(variant=variant, xy_scale=1.1)
    published = TINY_ANCHORS if variant == "yolov3-tiny" else YOLOV3_ANCHORS
    assert tuple(level.anchors for level in network.levels) == published
    assert {level.xy_scale for level in network.levels} == {1.1}


def test_a_level_may_have_any_number_of_anchors():
    network = YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625, anchors=[[[50, 60]] * 5, [[1, 2]] * 5]).eval()
    assert [tuple(m.shape) for m in network(torch.zeros(1, 3, 32, 32))] == [(1, 5, 1, 1, 7), (1, 5, 2, 2, 7)]
    assert network.levels[1].anchors == ((1.0, 2.0),) * 5


def test_training_starts_with_calm_objectness():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=3)
    for maps in network(torch.rand(2, 3, 64, 64)):
        assert maps[..., 4].sigmoid().mean().item() == pytest.approx(0.01, rel=0.3)


def test_the_same_seed_gives_the_same_network():
    networks = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        networks.append(YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2).state_dict())
    name = "backbone.conv1.convolution.weight"
    assert all(torch.equal(tensor, networks[1][key]) for key, tensor in networks[0].items())
    assert not torch.equal(networks[0][name], networks[2][name])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, r"num_classes \(=0\) must be at least 1"),
        ({"variant": "yolov9"}, "variant must be one of yolov3, yolov3-spp, yolov3-tiny, found 'yolov9'"),
        ({"anchors": [[[1, 2]]]}, "anchors for 1 levels were given, the network has 3"),
        ({"anchors": [[[1, 2]], [[1, 2]], [[1, 2], [3, 4]]]}, r"same number of anchors, found \[1, 1, 2\]"),
        ({"anchors": [[[1, 2]], [[1, 0]], [[1, 2]]]}, r"anchors must be positive .*\(1\.0, 0\.0\)"),
        ({"anchors": [[[1, 2]], [], [[1, 2]]]}, "same number of anchors"),
        ({"anchors": [[], [], []]}, "needs a positive stride and anchors"),
    ],
)
def test_impossible_networks_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        YOLOv3(**{"width": 0.0625, **settings})


@pytest.mark.parametrize("size", [(100, 96), (96, 100), (16, 32)])
def test_images_of_another_size_are_refused(size):
    network = YOLOv3(variant="yolov3-tiny", width=0.0625)
    with pytest.raises(ValueError, match=rf"multiples of 32 high and wide, found \({size[0]}, {size[1]}\)"):
        network(torch.rand(1, 3, *size))
