"""The anchor head: from a feature map to a raw prediction for every anchor in every cell.

Legend: B images, A anchors, H W cells, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from yolov3.models.layers import Conv, initialise_small
from yolov3.prediction_layout import CLASSES, FIXED_ENTRIES, OBJECTNESS

OBJECTNESS_PRIOR = 0.01
"""Objectness of every place before training (RetinaNet's prior): the first loss is calm instead of thousands of
false alarms."""


class AnchorHead(nn.Module):
    """A 3x3 convolution, then a linear 1x1 one: (B, in, H, W) to raw (B, A, H, W, 5 + C)."""

    def __init__(self, in_channels: int, hidden_channels: int, *, num_anchors: int, num_classes: int) -> None:
        super().__init__()
        self.num_anchors, self.num_classes = num_anchors, num_classes
        self.hidden = Conv(in_channels, hidden_channels, 3)
        self.predict = nn.Conv2d(hidden_channels, num_anchors * (FIXED_ENTRIES + num_classes), 1)

    def forward(self, features: Tensor) -> Tensor:
        return split_anchors(self.predict(self.hidden(features)), self.num_anchors)


def initialise_prior(predict: nn.Conv2d, *, num_anchors: int, num_classes: int) -> None:
    """Give the convolution that ends in raw predictions small weights, and a bias at which objectness starts at its
    prior and classes at one in C."""
    assert predict.bias is not None
    initialise_small(predict.weight)
    with torch.no_grad():
        bias = predict.bias.view(num_anchors, -1)
        bias.zero_()
        bias[:, OBJECTNESS] = _logit(OBJECTNESS_PRIOR)
        bias[:, CLASSES] = _logit(1 / (num_classes + 1))


def split_anchors(maps: Tensor, num_anchors: int) -> Tensor:
    """(B, A * (5 + C), H, W), anchor-major as Darknet lays it out, to a view (B, A, H, W, 5 + C)."""
    batch, channels, height, width = maps.shape
    return maps.view(batch, num_anchors, channels // num_anchors, height, width).permute(0, 1, 3, 4, 2)


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
