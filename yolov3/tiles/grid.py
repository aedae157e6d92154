"""How an image is cut: tiles of one size, evenly placed, that overlap each other and cover everything."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from yolov3.errors import UserError
from yolov3.limits import LARGEST_SIDE
from yolov3.structures import Size

OVERLAP = 0.2  # of a tile's side, with its neighbour
CLEARLY_LARGER = 1.5  # times the network's input; smaller images are not cut by ``auto``
SMALLEST_TILE = 32  # pixels
MOST_TILES = 4096  # of an image

Tile = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of the image, whole numbers."""


@dataclass(frozen=True)
class TileRule:
    """How images are cut: into ``rows`` times ``columns``, into tiles with sides of ``side`` pixels, or, with neither, into
    such as the network's input has. Neighbours overlap by at least ``overlap`` of a tile's side. ``whole``: the image as a
    whole is one more tile, for things that are larger than the others."""

    rows: int | None = None
    columns: int | None = None
    side: int | None = None
    overlap: float = OVERLAP
    whole: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= 0.9:
            raise UserError(f"--overlap must lie in [0, 0.9], found {self.overlap}")

    @staticmethod
    def parse(text: str, *, overlap: float = OVERLAP, whole: bool = False, option: str = "--tiles") -> TileRule:
        """Of ``auto``, ``ROWSxCOLUMNS`` or a side in pixels. Raises UserError naming the ``option``."""
        if text == "auto":
            return TileRule(overlap=overlap, whole=whole)
        grid = re.fullmatch(r"(\d{1,4})[xX](\d{1,4})", text)
        if grid is not None:
            rows, columns = int(grid[1]), int(grid[2])
            if rows and columns and rows * columns <= MOST_TILES:
                return TileRule(rows, columns, overlap=overlap, whole=whole)
        elif re.fullmatch(r"\d{1,5}", text) and SMALLEST_TILE <= int(text) <= LARGEST_SIDE:
            return TileRule(side=int(text), overlap=overlap, whole=whole)
        raise UserError(
            f"{option}: found {text[:40]!r}; auto, ROWSxCOLUMNS (at most {MOST_TILES} tiles) or a side of {SMALLEST_TILE} to "
            f"{LARGEST_SIDE} pixels is expected"
        )

    @property
    def word(self) -> str:
        """As it is said in words and files."""
        cut = f"{self.rows}x{self.columns}" if self.rows else str(self.side or "auto")
        return f"{cut}, overlap {self.overlap:g}{', and whole' if self.whole else ''}"

    def tiles_of(self, size: Size, network_size: Size) -> tuple[Tile, ...]:
        """The tiles of an image of ``size`` (height, width), from the top left to the bottom right, the whole image last
        where it is one; of an image that is not cut the whole alone. Raises UserError where there are too many."""
        if self.rows is None and self.side is None and not _is_clearly_larger(size, network_size):
            return ((0, 0, size[1], size[0]),)
        sides: list[list[tuple[int, int]]] = []
        for length, count, own in zip(size, (self.rows, self.columns), network_size):
            side = self.side or own
            if count is not None:
                side = math.ceil(length / (count - (count - 1) * self.overlap))
                sides.append(_placed(length, side, count))
            else:
                sides.append(_placed(length, side, _count(length, side, self.overlap)))
        if len(sides[0]) * len(sides[1]) > MOST_TILES:
            raise UserError(
                f"an image of {size[1]}x{size[0]} would be cut into {len(sides[0])}x{len(sides[1])} tiles; at most "
                f"{MOST_TILES} are looked at: give larger ones (--tiles SIDE)"
            )
        tiles = [(left, top, right, bottom) for top, bottom in sides[0] for left, right in sides[1]]
        whole = (0, 0, size[1], size[0])
        return (*tiles, whole) if self.whole and tiles != [whole] else tuple(tiles)


def tile_rule(tiles: str | int | TileRule | None, overlap: float | None, whole: bool) -> TileRule | None:
    """How images are cut; None where they are not. Raises UserError."""
    if tiles is None and (overlap is not None or whole):
        raise UserError("--overlap and --tiles-whole are about tiles; give --tiles too")
    if tiles is None or isinstance(tiles, TileRule):
        return tiles
    return TileRule.parse(str(tiles), overlap=OVERLAP if overlap is None else overlap, whole=whole)


def _is_clearly_larger(size: Size, network_size: Size) -> bool:
    return any(side > CLEARLY_LARGER * own for side, own in zip(size, network_size))


def _count(length: int, side: int, overlap: float) -> int:
    """How many tiles cover a length, each overlapping the next by at least that share."""
    if side >= length:
        return 1
    step = max(1, math.floor(side * (1 - overlap)))
    return 1 + math.ceil((length - side) / step)


def _placed(length: int, side: int, count: int) -> list[tuple[int, int]]:
    """Evenly from one end to the other."""
    side = min(side, length)
    starts = np.rint(np.linspace(0, length - side, count)).astype(int).tolist() if count > 1 else [0]
    return [(start, start + side) for start in dict.fromkeys(starts)]
