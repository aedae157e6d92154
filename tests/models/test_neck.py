"""The necks: what lies before what, and the number of their layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from yolov3.models.layers import SpatialPyramidPooling
from yolov3.models.neck import PyramidNeck, TinyNeck, upsample

WIDTH = 1 / 16


def maps(*channels: int) -> tuple[torch.Tensor, ...]:
    """Backbone's maps, coarse first."""
    torch.manual_seed(0)
    return tuple(
        torch.randn(1, count, 2 * 2**level, 3 * 2**level, dtype=torch.float64) for level, count in enumerate(channels)
    )


def test_upsampling_repeats_every_cell():
    features = torch.randn(2, 3, 2, 5)
    assert torch.equal(upsample(features), features.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("pooling", [False, True])
def test_the_pyramid_lays_the_coarse_map_before_the_finer_one(pooling):
    neck = PyramidNeck((64, 32, 16), width=WIDTH, pyramid_pooling=pooling).double().eval()
    stride32, stride16, stride8 = maps(64, 32, 16)
    with torch.no_grad():
        found = neck((stride32, stride16, stride8))
        coarse = neck.block32(stride32)
        middle = neck.block16(
            torch.cat((neck.lateral16(coarse).repeat_interleave(2, 2).repeat_interleave(2, 3), stride16), 1)
        )
        fine = neck.block8(
            torch.cat((neck.lateral8(middle).repeat_interleave(2, 2).repeat_interleave(2, 3), stride8), 1)
        )
    for given, expected in zip(found, (coarse, middle, fine), strict=True):
        assert torch.equal(given, expected)
    assert [m.shape[1] for m in found] == list(neck.out_channels) == [32, 16, 8]


@pytest.mark.parametrize(("pooling", "convolutions"), [(False, 5), (True, 6)])
def test_the_first_block_has_as_many_convolutions_as_published(pooling, convolutions):
    with torch.device("meta"):
        neck = PyramidNeck((1024, 512, 256), width=1.0, pyramid_pooling=pooling)
    layers = [(part.in_channels, part.out_channels) for part in neck.block32.modules() if isinstance(part, nn.Conv2d)]
    assert len(layers) == convolutions
    assert ((2048, 512) in layers) == pooling
    assert sum(isinstance(part, SpatialPyramidPooling) for part in neck.modules()) == int(pooling)
    assert [sum(isinstance(part, nn.Conv2d) for part in block.modules()) for block in (neck.block16, neck.block8)] == [
        5,
        5,
    ]


def test_the_tiny_neck_lays_the_coarse_map_before_the_finer_one():
    neck = TinyNeck((64, 16), width=WIDTH).double().eval()
    stride32, stride16 = maps(64, 16)
    with torch.no_grad():
        coarse, fine = neck((stride32, stride16))
        lateral = neck.lateral16(coarse).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(coarse, neck.block32(stride32))
    assert torch.equal(fine[:, :8], lateral)
    assert torch.equal(fine[:, 8:], stride16)
    assert (coarse.shape[1], fine.shape[1]) == neck.out_channels == (16, 24)
