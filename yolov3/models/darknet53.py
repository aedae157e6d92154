"""Darknet-53, the backbone of YOLOv3 (Redmon and Farhadi 2018, table 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from yolov3.models.layers import Conv, ConvResidual, scaled


class Darknet53(nn.Module):
    """Fifty-two convolutions in six stages. A name counts the paper's convolutions.

    ``forward`` takes (B, 3, H, W) and returns the maps of strides 32, 16 and 8: (B, 1024, H/32, W/32),
    (B, 512, H/16, W/16), (B, 256, H/8, W/8), channels times ``width``.
    """

    if TYPE_CHECKING:  # torch says of any module that it gives anything

        def __call__(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        c32, c64, c128, c256, c512, c1024 = (scaled(c, width) for c in (32, 64, 128, 256, 512, 1024))
        self.out_channels = (c1024, c512, c256)
        self.conv1 = Conv(3, c32, 3)
        self.conv2 = Conv(c32, c64, 3, stride=2)
        self.conv3_4 = _residuals(1, c64, c32)
        self.conv5 = Conv(c64, c128, 3, stride=2)
        self.conv6_9 = _residuals(2, c128, c64)
        self.conv10 = Conv(c128, c256, 3, stride=2)
        self.conv11_26 = _residuals(8, c256, c128)
        self.conv27 = Conv(c256, c512, 3, stride=2)
        self.conv28_43 = _residuals(8, c512, c256)
        self.conv44 = Conv(c512, c1024, 3, stride=2)
        self.conv45_52 = _residuals(4, c1024, c512)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stride4 = self.conv6_9(self.conv5(self.conv3_4(self.conv2(self.conv1(images)))))
        conv11_26 = self.conv11_26(self.conv10(stride4))
        conv28_43 = self.conv28_43(self.conv27(conv11_26))
        conv45_52 = self.conv45_52(self.conv44(conv28_43))
        return conv45_52, conv28_43, conv11_26


def _residuals(count: int, channels: int, hidden_channels: int) -> nn.Sequential:
    return nn.Sequential(*(ConvResidual(channels, hidden_channels) for _ in range(count)))
