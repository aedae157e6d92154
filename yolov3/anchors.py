"""Anchor sets: the published ones, and how a set is spread over the levels of a network.

An anchor is (width, height) in pixels of the network's input. A set for a network is a tuple per level, coarse level
(stride 32) first, the order of a ``.cfg`` and of its heads.
"""

from __future__ import annotations

from collections.abc import Sequence

from yolov3.structures import Level

AnchorSet = tuple[tuple[tuple[float, float], ...], ...]

YOLOV3_ANCHORS: AnchorSet = (
    ((116, 90), (156, 198), (373, 326)),
    ((30, 61), (62, 45), (59, 119)),
    ((10, 13), (16, 30), (33, 23)),
)
"""Redmon and Farhadi 2018, fitted to COCO; as in yolov3.cfg."""

TINY_ANCHORS: AnchorSet = (
    ((81, 82), (135, 169), (344, 319)),
    ((10, 14), (23, 27), (37, 58)),
)
"""As in yolov3-tiny.cfg, masks 3,4,5 and 0,1,2. (The released tiny weights were trained with 1,2,3.)"""


def make_levels(
    anchors: Sequence[Sequence[Sequence[float]]], strides: Sequence[int], *, xy_scale: float = 1.0
) -> tuple[Level, ...]:
    """The levels of a network from an anchor set and its strides. Raises ValueError when their numbers differ."""
    if len(anchors) != len(strides):
        raise ValueError(f"anchors for {len(anchors)} levels were given, the network has {len(strides)}")
    counts = {len(level) for level in anchors}
    if len(counts) > 1:
        raise ValueError(f"every level needs the same number of anchors, found {[len(level) for level in anchors]}")
    return tuple(
        Level(stride, tuple((float(width), float(height)) for width, height in level), xy_scale)
        for level, stride in zip(anchors, strides)
    )


def anchors_text(anchors: Sequence[Sequence[float]]) -> str:
    """The anchors of a level for people, as a ``.cfg`` writes them."""
    return " ".join(f"{width:g},{height:g}" for width, height in anchors)
