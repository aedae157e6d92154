"""Darknet-53: the paper's table, counted, and its three maps."""

from __future__ import annotations

import torch
from torch import nn

from yolov3.models.darknet53 import Darknet53
from yolov3.models.layers import ConvResidual


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        network = Darknet53()
    assert sum(t.numel() for t in network.state_dict().values() if t.is_floating_point()) == 40_620_640


def test_darknet53_returns_its_three_maps_under_their_names():
    backbone = Darknet53(width=0.0625).eval()
    maps = backbone(torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 64, 2, 3), (1, 32, 4, 6), (1, 16, 8, 12)]
    assert backbone.out_channels == (64, 32, 16)
    stages = "conv1 conv2 conv3_4 conv5 conv6_9 conv10 conv11_26 conv27 conv28_43 conv44 conv45_52"
    assert " ".join(name for name, _ in backbone.named_children()) == stages


def test_its_layers_are_those_of_the_papers_table():
    with torch.device("meta"):
        backbone = Darknet53()
    convolutions = [part for part in backbone.modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == 52
    assert sum(isinstance(part, ConvResidual) for part in backbone.modules()) == 1 + 2 + 8 + 8 + 4
    halving = [(part.in_channels, part.out_channels) for part in convolutions if part.stride == (2, 2)]
    assert halving == [(32, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    assert all(part.bias is None for part in convolutions)


def test_the_finer_maps_are_those_that_the_coarser_ones_are_made_from():
    backbone = Darknet53(width=0.0625).double().eval()
    with torch.no_grad():
        coarse, middle, fine = backbone(torch.rand(1, 3, 64, 64, dtype=torch.float64))
        assert torch.equal(middle, backbone.conv28_43(backbone.conv27(fine)))
        assert torch.equal(coarse, backbone.conv45_52(backbone.conv44(middle)))


def test_no_map_is_changed_by_the_layers_after_it():
    backbone = Darknet53(width=0.0625).eval()
    seen: list[torch.Tensor] = []
    for stage in (backbone.conv11_26, backbone.conv28_43):
        stage.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    with torch.no_grad():
        _, middle, fine = backbone(torch.rand(1, 3, 64, 64))
    assert torch.equal(seen[0], fine)
    assert torch.equal(seen[1], middle)
