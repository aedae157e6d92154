"""The feature pyramids between backbone and heads: coarse maps are upsampled and laid before the finer ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolov3.models.layers import Conv, SpatialPyramidPooling, scaled


class PyramidNeck(nn.Module):
    """YOLOv3's neck: per level five convolutions (with pyramid pooling: six and the pools), and between the levels
    a 1x1 convolution, upsampling by 2 and concatenation [upsampled, backbone].

    Takes the backbone's maps, coarse first; returns one map per level with 512, 256 and 128 channels times ``width``.
    """

    def __init__(self, in_channels: tuple[int, int, int], *, width: float, pyramid_pooling: bool) -> None:
        super().__init__()
        self.out_channels = tuple(scaled(c, width) for c in (512, 256, 128))
        c512, c256, c128 = self.out_channels
        self.block32 = _pooling_block(in_channels[0], c512) if pyramid_pooling else _block(in_channels[0], c512)
        self.lateral16 = Conv(c512, c256, 1)
        self.block16 = _block(c256 + in_channels[1], c256)
        self.lateral8 = Conv(c256, c128, 1)
        self.block8 = _block(c128 + in_channels[2], c128)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        stride32, stride16, stride8 = maps
        coarse = self.block32(stride32)
        middle = self.block16(torch.cat((upsample(self.lateral16(coarse)), stride16), dim=1))
        fine = self.block8(torch.cat((upsample(self.lateral8(middle)), stride8), dim=1))
        return coarse, middle, fine


class TinyNeck(nn.Module):
    """YOLOv3-tiny's neck: one 1x1 convolution, then a 1x1 convolution, upsampling and concatenation.

    Returns maps with 256 channels and 128 + the backbone's, times ``width``.
    """

    def __init__(self, in_channels: tuple[int, int], *, width: float) -> None:
        super().__init__()
        c256, c128 = scaled(256, width), scaled(128, width)
        self.out_channels = (c256, c128 + in_channels[1])
        self.block32 = Conv(in_channels[0], c256, 1)
        self.lateral16 = Conv(c256, c128, 1)

    def forward(self, maps: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        coarse = self.block32(maps[0])
        return coarse, torch.cat((upsample(self.lateral16(coarse)), maps[1]), dim=1)


def upsample(features: Tensor) -> Tensor:
    """Nearest neighbour, twice the size."""
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def _block(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(in_channels, channels, 1),
        Conv(channels, 2 * channels, 3),
        Conv(2 * channels, channels, 1),
        Conv(channels, 2 * channels, 3),
        Conv(2 * channels, channels, 1),
    )


def _pooling_block(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(in_channels, channels, 1),
        Conv(channels, 2 * channels, 3),
        Conv(2 * channels, channels, 1),
        SpatialPyramidPooling(),
        Conv(4 * channels, channels, 1),
        Conv(channels, 2 * channels, 3),
        Conv(2 * channels, channels, 1),
    )
