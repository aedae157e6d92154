"""The backbone of YOLOv3-tiny: seven convolutions with max pools between, as in yolov3-tiny.cfg."""

from __future__ import annotations

from torch import Tensor, nn

from yolov3.models.layers import Conv, StrideOneMaxPool, scaled


class DarknetTiny(nn.Module):
    """``forward`` takes (B, 3, H, W) and returns the maps of strides 32 and 16: (B, 1024, H/32, W/32) and
    (B, 256, H/16, W/16), channels times ``width``."""

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        c16, c32, c64, c128, c256, c512, c1024 = (scaled(c, width) for c in (16, 32, 64, 128, 256, 512, 1024))
        self.out_channels = (c1024, c256)
        self.conv1 = Conv(3, c16, 3)
        self.conv2 = Conv(c16, c32, 3)
        self.conv3 = Conv(c32, c64, 3)
        self.conv4 = Conv(c64, c128, 3)
        self.conv5 = Conv(c128, c256, 3)
        self.conv6 = Conv(c256, c512, 3)
        self.conv7 = Conv(c512, c1024, 3)
        self.halve = nn.MaxPool2d(2, 2)
        self.keep = StrideOneMaxPool()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.halve(self.conv1(images))
        features = self.halve(self.conv2(features))
        features = self.halve(self.conv3(features))
        features = self.halve(self.conv4(features))
        conv5 = self.conv5(features)
        conv6 = self.conv6(self.halve(conv5))
        conv7 = self.conv7(self.keep(conv6))
        return conv7, conv5
