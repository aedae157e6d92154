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
    """Pieces as the things that they are of: again and again the two that agree best become one."""
    things = _by_themselves(sorted(pieces, key=lambda piece: -piece.score))
    agreements = {
        (one, other): value
        for one in range(len(things))
        for other in range(one)
        if (value := _agreement(things[one], things[other], tiles)) >= AGREEMENT
    }
    alive = dict(enumerate(things))
    while agreements:
        one, other = max(agreements, key=lambda pair: (agreements[pair], pair))
        joined = _together(alive.pop(one), alive.pop(other))
        agreements = {pair: value for pair, value in agreements.items() if not {one, other} & set(pair)}
        new = max((one, other, *alive), default=0) + 1 + len(things)
        for number, thing in alive.items():
            value = _agreement(joined, thing, tiles)
            if value >= AGREEMENT:
                agreements[(new, number)] = value
        alive[new] = joined
    return list(alive.values())


def without_shown(joined: list[_Thing], whole: list[_Thing], tiles: tuple[Tile, ...]) -> list[_Thing]:
    """Those that were joined of pieces, without what is shown whole, or more of it, elsewhere: by the ``whole`` ones or by
    others of these."""
    by_label: dict[int, list[_Thing]] = {}
    for thing in (*whole, *joined):
        by_label.setdefault(thing.label, []).append(thing)
    return [thing for thing in joined if not any(_shows(other, thing, tiles) for other in by_label[thing.label])]


def _shows(other: _Thing, thing: _Thing, tiles: tuple[Tile, ...]) -> bool:
    """Whether another, larger thing accounts for all pieces of a thing."""
    if _area(other.box) <= _area(thing.box) or {each.tile for each in other.pieces} & {
        each.tile for each in thing.pieces
    }:
        return False
    return all(_iou(_clipped(other.box, tiles[piece.tile]), piece.box) >= AGREEMENT for piece in thing.pieces)


def _by_themselves(pieces: list[Piece]) -> list[_Thing]:
    return [_Thing(piece.box, (piece,)) for piece in pieces]


def _together(one: _Thing, other: _Thing) -> _Thing:
    return _Thing(_around(one.box, other.box), (*one.pieces, *other.pieces))


def _agreement(one: _Thing, other: _Thing, tiles: tuple[Tile, ...]) -> float:
    """How well two things are one: the least IoU of a piece of theirs with what its tile would show of both together; 0 where
    they are of different classes, of one tile, or do not overlap."""
    if one.label != other.label:
        return 0.0
    smaller = min(_area(one.box), _area(other.box))
    if _intersection(one.box, other.box) < LEAST_OVERLAP * smaller:
        return 0.0
    if {piece.tile for piece in one.pieces} & {piece.tile for piece in other.pieces}:
        return 0.0
    box = _around(one.box, other.box)
    return min(_iou(_clipped(box, tiles[piece.tile]), piece.box) for piece in (*one.pieces, *other.pieces))


def _around(one: Box, other: Box) -> Box:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def _clipped(box: Box, tile: Tile) -> Box:
    left, top, right, bottom = tile
    return np.array([max(box[0], left), max(box[1], top), min(box[2], right), min(box[3], bottom)])


def _area(box: Box) -> float:
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def _intersection(one: Box, other: Box) -> float:
    return _area(np.concatenate((np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:]))))


def _iou(one: Box, other: Box) -> float:
    common = _intersection(one, other)
    union = _area(one) + _area(other) - common
    return common / union if union > 0 else 0.0
