"""The tiny backbone: two maps, and its layers in the order of yolov3-tiny.cfg."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from yolov3.models.darknet_tiny import DarknetTiny


def test_it_returns_the_maps_of_strides_32_and_16():
    backbone = DarknetTiny(width=0.125).eval()
    maps = backbone(torch.rand(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(2, 128, 2, 3), (2, 32, 4, 6)]
    assert backbone.out_channels == (128, 32)


def test_its_layers_are_those_of_the_published_file():
    with torch.device("meta"):
        backbone = DarknetTiny()
    channels = [part.out_channels for part in backbone.modules() if isinstance(part, nn.Conv2d)]
    assert channels == [16, 32, 64, 128, 256, 512, 1024]


def test_every_layer_has_two_channels_or_more():
    channels = [part.out_channels for part in DarknetTiny(width=0.01).modules() if isinstance(part, nn.Conv2d)]
    assert channels == [2, 2, 2, 2, 3, 5, 10]


def test_it_is_convolution_and_pool_by_turns_and_the_last_pool_keeps_the_size():
    backbone = DarknetTiny(width=0.125).double().eval()
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        features = image
        for number in range(1, 5):
            features = functional.max_pool2d(getattr(backbone, f"conv{number}")(features), 2)
        fine = backbone.conv5(features)
        features = backbone.conv6(functional.max_pool2d(fine, 2))
        padded = functional.pad(features, (0, 1, 0, 1), value=float("-inf"))
        coarse = backbone.conv7(functional.max_pool2d(padded, 2, stride=1))
        found = backbone(image)
    assert torch.equal(found[0], coarse)
    assert torch.equal(found[1], fine)
