"""The contract that every detector keeps, ours or a graph of Darknet's language: what the rest of the house relies on.

Legend: B images, A anchors, H W cells, C classes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

from yolov3.errors import UserError
from yolov3.structures import Level, Size


class DetectionNetwork(nn.Module):
    """Images in, raw maps out.

    ``forward`` takes (B, 3, H, W) float in [0, 1], H and W multiples of the largest stride, and returns a raw map
    (B, A, H/stride, W/stride, 5 + C) per level, coarse level first. ``levels`` tells their strides and anchors in the
    same order, ``backbone`` is the part that can be held still while the rest learns, where the network has one.
    """

    levels: tuple[Level, ...]
    num_classes: int
    backbone: nn.Module | None

    if TYPE_CHECKING:  # torch says of any module that it gives anything

        def __call__(self, images: Tensor) -> tuple[Tensor, ...]: ...

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Raw maps of images."""

    def grids(self, size: Size) -> list[Size]:
        """The (H, W) of the levels' maps for an input of ``size`` (height, width)."""
        return [(size[0] // level.stride, size[1] // level.stride) for level in self.levels]

    def check_size(self, images: Tensor) -> None:
        """Raise ValueError when images are no multiples of the largest stride."""
        step = max(level.stride for level in self.levels)
        height, width = images.shape[-2:]
        if height % step or width % step:
            raise ValueError(f"images must be multiples of {step} high and wide, found {(height, width)}")


def require_detector(network: nn.Module, *, source: str, description: str) -> DetectionNetwork:
    """The network as a detector. Raises UserError naming the file and what it holds instead."""
    if not isinstance(network, DetectionNetwork):
        raise UserError(f"{source}: {description or 'this model'} is no detector")
    return network
