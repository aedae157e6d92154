"""A batch computed in parts, when memory does not hold it whole."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from yolov3.structures import Targets


def split_batch(images: Tensor, targets: Targets, parts: int) -> Iterator[tuple[Tensor, Targets]]:
    """``images`` (B, 3, H, W) and their targets in at most ``parts`` equal parts; image numbers count anew in each."""
    size = -(-len(images) // parts)
    for start in range(0, len(images), size):
        inside = (targets.image_index >= start) & (targets.image_index < start + size)
        own = targets.select(inside)
        yield (
            images[start : start + size],
            Targets(own.boxes, own.labels, own.image_index - start, own.ignore, own.weights),
        )
