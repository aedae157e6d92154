"""What was found in the tiles of an image as what is in the image: once each, and whole.

A box that touches a cut is a piece. Two pieces are of one thing when they overlap and the box around both, cut by their
tiles as the image was, gives each of them again; so pieces of a neighbour, who looks different from the other tile, are not
joined to it. A piece of what another tile shows whole goes. What is left is suppressed as everywhere.

Rejoining by overlap within a class is what DarkHelp, which Darknet's users use, does too.

Legend: N boxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolov3.selecting.candidates import Candidates
from yolov3.selecting.postprocess import Selection
from yolov3.selecting.suppress import suppress
from yolov3.structures import Size
from yolov3.tiles.grid import Tile

EDGE = 0.01  # of a tile's side: a box that ends nearer to a cut touches it
LEAST_EDGE = 2.0  # pixels
LEAST_OVERLAP = 0.05  # of the smaller of two pieces
ROWS_AT_ONCE = 256  # of a table of all pairs
AGREEMENT = 0.6  # IoU of a piece with what its tile would show of the thing

Box = np.ndarray
"""left, top, right, bottom in pixels of the image."""


@dataclass(frozen=True)
class Piece:
    """A box that a tile shows, in pixels of the image."""

    box: Box
    score: float
    label: int
    tile: int


@dataclass(frozen=True)
class _Thing:
    """What pieces are of: the box around them, and these."""

    box: Box
    pieces: tuple[Piece, ...]

    @property
    def score(self) -> float:
        return max(piece.score for piece in self.pieces)

    @property
    def label(self) -> int:
        return self.pieces[0].label


def merge(found: list[Candidates], tiles: tuple[Tile, ...], size: Size, selection: Selection) -> Candidates:
    """What is in an image of ``size`` (height, width), best first, by the rules of a ``selection``. ``found``: what is in
    each of its ``tiles``, boxes (N, 4) in pixels of the tile."""
    whole: list[Piece] = []
    cut: list[Piece] = []
    for number, (candidates, tile) in enumerate(zip(found, tiles, strict=True)):
        boxes = np.asarray(candidates.boxes, np.float64).reshape(-1, 4) + np.array([*tile[:2], *tile[:2]])
        touches = touches_cut(boxes, tile, size)
        for box, score, label, is_cut in zip(boxes, candidates.scores, candidates.labels, touches):
            (cut if is_cut else whole).append(Piece(box, float(score), int(label), number))
    things = _by_themselves(whole)
    things += without_shown(join(cut, tiles), things, tiles)
    if not things:
        return Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    merged = Candidates(
        np.array([thing.box for thing in things], np.float32),
        np.array([thing.score for thing in things], np.float32),
        np.array([thing.label for thing in things], np.int64),
    )
    scale = (float(size[1]), float(size[0]))
    order = suppress(
        merged, selection.nms_threshold, selection.suppression, scale, class_agnostic=selection.class_agnostic
    )
    return merged.chosen(np.asarray(order)[: selection.max_detections])


def touches_cut(boxes: np.ndarray, tile: Tile, size: Size) -> np.ndarray:
    """Which boxes (N, 4), in pixels of an image of ``size``, reach an edge of their tile that is none of the image."""
    left, top, right, bottom = tile
    across, along = max(LEAST_EDGE, EDGE * (right - left)), max(LEAST_EDGE, EDGE * (bottom - top))
    touches = np.zeros(len(boxes), bool)
    if left > 0:
        touches |= boxes[:, 0] <= left + across
    if top > 0:
        touches |= boxes[:, 1] <= top + along
    if right < size[1]:
        touches |= boxes[:, 2] >= right - across
    if bottom < size[0]:
        touches |= boxes[:, 3] >= bottom - along
    return touches


def join(pieces: list[Piece], tiles: tuple[Tile, ...]) -> list[_Thing]:
    """Pieces as the things that they are of: of all pairs that agree, the best ones first, each two become one unless what
    they have become meanwhile does not agree any more."""
    by_label: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_label.setdefault(piece.label, []).append(piece)
    return [thing for own in by_label.values() for thing in _join_class(own, tiles)]


def _join_class(pieces: list[Piece], tiles: tuple[Tile, ...]) -> list[_Thing]:
    things = _by_themselves(pieces)
    place = list(range(len(pieces)))  # of the thing that a piece is part of now
    for one, other in _agreeing_pairs(pieces, tiles):
        first, second = place[one], place[other]
        if first == second or _agreement(things[first], things[second], tiles) < AGREEMENT:
            continue
        things[first] = _together(things[first], things[second])
        place = [first if each == second else each for each in place]
    return [things[number] for number in dict.fromkeys(place)]


def _agreeing_pairs(pieces: list[Piece], tiles: tuple[Tile, ...]) -> list[tuple[int, int]]:
    """The pairs of pieces of one class that may be of one thing, those that agree best first. Table by table, because at a
    low threshold there are thousands of pieces."""
    boxes = np.array([piece.box for piece in pieces]).reshape(-1, 4)
    own = np.array([tiles[piece.tile] for piece in pieces], np.float64).reshape(-1, 4)
    number = np.array([piece.tile for piece in pieces])
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(pieces), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        box, others = boxes[rows, None], boxes[None]
        common = _intersections(box, others)
        smaller = np.minimum(_areas(box), _areas(others))
        may = (common >= LEAST_OVERLAP * smaller) & (number[rows, None] != number[None])
        may &= np.arange(len(pieces))[None] < np.arange(start, start + len(box))[:, None]
        one, other = np.nonzero(may)
        around = np.concatenate(
            (
                np.minimum(boxes[one + start, :2], boxes[other, :2]),
                np.maximum(boxes[one + start, 2:], boxes[other, 2:]),
            ),
            axis=1,
        )
        agreement = np.minimum(*(_ious(_inside(around, own[each]), boxes[each]) for each in (one + start, other)))
        good = np.flatnonzero(agreement >= AGREEMENT)
        found += zip((-agreement[good]).tolist(), (one[good] + start).tolist(), other[good].tolist())
    return [pair for _, *pair in sorted(found)]  # type: ignore[misc]


def without_shown(joined: list[_Thing], whole: list[_Thing], tiles: tuple[Tile, ...]) -> list[_Thing]:
    """Those that were joined of pieces, without what is shown whole, or more of it, elsewhere: by the ``whole`` ones or by
    others of these."""
    by_label: dict[int, list[_Thing]] = {}
    for thing in (*whole, *joined):
        by_label.setdefault(thing.label, []).append(thing)
    boxes = {label: np.array([thing.box for thing in things]) for label, things in by_label.items()}
    kept = []
    for thing in joined:
        others, own = by_label[thing.label], boxes[thing.label]
        shows = _areas(own) > _area(thing.box)
        for piece in thing.pieces:
            tile = np.array(tiles[piece.tile], np.float64)
            shows &= _ious(_inside(own, tile), piece.box) >= AGREEMENT
        mine = {piece.tile for piece in thing.pieces}
        if not any(mine.isdisjoint(each.tile for each in others[number].pieces) for number in np.flatnonzero(shows)):
            kept.append(thing)
    return kept


def _by_themselves(pieces: list[Piece]) -> list[_Thing]:
    return [_Thing(piece.box, (piece,)) for piece in pieces]


def _together(one: _Thing, other: _Thing) -> _Thing:
    box = np.concatenate((np.minimum(one.box[:2], other.box[:2]), np.maximum(one.box[2:], other.box[2:])))
    return _Thing(box, (*one.pieces, *other.pieces))


def _agreement(one: _Thing, other: _Thing, tiles: tuple[Tile, ...]) -> float:
    """How well two things of a class are one: the least IoU of a piece of theirs with what its tile would show of both
    together; 0 where they have a tile in common."""
    if {piece.tile for piece in one.pieces} & {piece.tile for piece in other.pieces}:
        return 0.0
    pieces = (*one.pieces, *other.pieces)
    own = np.array([tiles[piece.tile] for piece in pieces], np.float64)
    inside = _inside(_together(one, other).box[None], own)
    return float(_ious(inside, np.array([piece.box for piece in pieces])).min())


def _inside(boxes: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    """What tiles show of boxes, both (..., 4)."""
    return np.concatenate(
        (np.maximum(boxes[..., :2], tiles[..., :2]), np.minimum(boxes[..., 2:], tiles[..., 2:])), axis=-1
    )


def _areas(boxes: np.ndarray) -> np.ndarray:
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _area(box: Box) -> float:
    return float(_areas(box))


def _intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return _areas(_inside(first, second))


def _ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    common = _intersections(first, second)
    union = _areas(first) + _areas(second) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(union), where=union > 0))
