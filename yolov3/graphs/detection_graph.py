"""A network with everything around it that a graph of its own needs: images as they are in, boxes out.

Legend: B images, A anchors, H W cells, N all places of all levels, C classes. It wraps a network from outside; no network
knows of it.

Source of ``darknet`` outputs: the ONNX exporter of Darknet v5.1 (``confs``, ``boxes``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolov3.codec import decode
from yolov3.graphs.facts import InputKind, Outputs
from yolov3.models.contract import DetectionNetwork


class DetectionGraph(nn.Module):
    """Images (B, 3, height, width) RGB, uint8 or float32 in [0, 1], to one of

    * ``boxes``: boxes (B, N, 4) xyxy pixels of the input, objectness (B, N), classes (B, N, C) as probabilities;
    * ``raw``: a map (B, A, H, W, 5 + C) per level, coarse level first, float32;
    * ``darknet``: confs (B, N, C) objectness times class, boxes (B, N, 1, 4) xyxy in parts of the input.

    The network may compute in a smaller type (``kind``); decoding is in float32 always.
    """

    def __init__(
        self, network: DetectionNetwork, outputs: Outputs, input_kind: InputKind, kind: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.network, self.outputs, self.input_kind, self.kind = network, outputs, input_kind, kind

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        fitted = images.float() / 255 if self.input_kind == "uint8" else images
        raw = self.network(fitted.to(self.kind))
        if self.outputs == "raw":
            return tuple(maps.float() for maps in raw)
        found = decode(raw, self.network.levels)
        if self.outputs == "boxes":
            return found.boxes, found.objectness, found.classes
        height, width = images.shape[2:]
        sides = (width, height, width, height)
        boxes = torch.stack([found.boxes[..., entry] / side for entry, side in enumerate(sides)], dim=-1)
        return found.objectness[..., None] * found.classes, boxes[:, :, None]
