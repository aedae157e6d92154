"""Frames for videos, and a slow obvious reader of the boxes of an MPEG-4 file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex")


def boxes_of(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of its content, end) of each box, those within others after them. Fails where sizes do not fit."""
    end = len(data) if end is None else end
    while start < end:
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        kind = data[start + 4 : start + 8]
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        assert head <= size <= end - start, (kind, size, start, end)
        yield kind, start + head, start + size
        if kind in CONTAINERS:
            yield from boxes_of(data, start + head, start + size)
        start += size


@pytest.fixture(scope="session")
def boxes() -> Callable[..., Iterator[tuple[bytes, int, int]]]:
    """Walks through the boxes of a file's bytes."""
    return boxes_of


@pytest.fixture(scope="session")
def noise() -> Callable[[int, tuple[int, int]], list[np.ndarray]]:
    """So many (H, W, 3) frames of a size that no encoder makes small, each unlike the others."""

    def make(count: int, size: tuple[int, int]) -> list[np.ndarray]:
        generator = np.random.default_rng(0)
        return [generator.integers(0, 255, (*size, 3), dtype=np.uint8) for _ in range(count)]

    return make
