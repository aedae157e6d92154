"""Darknet-53 as an image classifier: the network its backbone is pre-trained as (Redmon and Farhadi 2018, table 1)."""

from __future__ import annotations

from torch import Tensor, nn

from yolov3.models.darknet53 import Darknet53
from yolov3.models.layers import initialise_convolutions, initialise_small


class Darknet53Classifier(nn.Module):
    """``forward`` takes (B, 3, H, W) and returns class logits (B, C): backbone, average over the map, linear."""

    def __init__(self, *, num_classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes (={num_classes}) must be at least 1")
        self.num_classes, self.width = num_classes, width
        self.backbone = Darknet53(width=width)
        self.classify = nn.Linear(self.backbone.out_channels[0], num_classes)
        initialise_convolutions(self)
        initialise_small(self.classify.weight)
        nn.init.zeros_(self.classify.bias)

    def forward(self, images: Tensor) -> Tensor:
        coarse, _, _ = self.backbone(images)
        return self.classify(coarse.mean(dim=(2, 3)))
