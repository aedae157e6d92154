"""YOLOv3 and its SPP and tiny variants (Redmon and Farhadi 2018): backbone, neck, a head per level.

Images in, raw maps out. Decoding, loss and post-processing happen to it from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from yolov3.anchors import TINY_ANCHORS, YOLOV3_ANCHORS, make_levels
from yolov3.models.contract import DetectionNetwork
from yolov3.models.darknet53 import Darknet53
from yolov3.models.darknet_tiny import DarknetTiny
from yolov3.models.head import AnchorHead, initialise_prior
from yolov3.models.layers import initialise_convolutions, scaled
from yolov3.models.neck import PyramidNeck, TinyNeck

Variant = Literal["yolov3", "yolov3-spp", "yolov3-tiny"]
Anchors = Sequence[Sequence[Sequence[float]]]

VARIANTS: tuple[Variant, ...] = ("yolov3", "yolov3-spp", "yolov3-tiny")


class YOLOv3(DetectionNetwork):
    """A detector of one of the published variants, with H and W multiples of 32.

    ``width`` is a factor on the channels of every layer but the last. Raises ValueError for impossible sizes.
    """

    def __init__(
        self,
        *,
        num_classes: int = 80,
        variant: Variant = "yolov3",
        width: float = 1.0,
        anchors: Anchors | None = None,
        xy_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes (={num_classes}) must be at least 1")
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, found {variant!r}")
        self.variant, self.width, self.num_classes = variant, width, num_classes
        tiny = variant == "yolov3-tiny"
        strides = (32, 16) if tiny else (32, 16, 8)
        default_anchors = TINY_ANCHORS if tiny else YOLOV3_ANCHORS
        self.levels = make_levels(anchors or default_anchors, strides, xy_scale=xy_scale)
        self.backbone: DarknetTiny | Darknet53
        self.neck: TinyNeck | PyramidNeck
        if tiny:
            self.backbone = DarknetTiny(width=width)
            self.neck = TinyNeck(self.backbone.out_channels, width=width)
            hidden: tuple[int, ...] = (512, 256)
        else:
            self.backbone = Darknet53(width=width)
            self.neck = PyramidNeck(self.backbone.out_channels, width=width, pyramid_pooling=variant == "yolov3-spp")
            hidden = (1024, 512, 256)
        self.heads = nn.ModuleList(
            AnchorHead(channels, scaled(h, width), num_anchors=len(level.anchors), num_classes=num_classes)
            for channels, h, level in zip(self.neck.out_channels, hidden, self.levels)
        )
        self._initialise()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        self.check_size(images)
        maps = self.neck(self.backbone(images))
        return tuple(head(features) for head, features in zip(self.heads, maps))

    def _initialise(self) -> None:
        initialise_convolutions(self)
        for head in self.heads:
            assert isinstance(head, AnchorHead)
            initialise_prior(head.predict, num_anchors=head.num_anchors, num_classes=self.num_classes)
