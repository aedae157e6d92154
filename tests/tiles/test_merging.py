"""With a detector that is never wrong, everything is found once and whole, on every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.selecting.candidates import Candidates
from yolov3.selecting.postprocess import Selection
from yolov3.tiles.grid import TileRule
from yolov3.tiles.merging import merge

SIZE = (900, 1300)
RULE = TileRule(side=416)
SELECTION = Selection(nms_threshold=0.45)
SEEN = 4.0  # pixels of a thing that a tile must show for it to be found


def ideal(things: np.ndarray, labels, tiles) -> list[Candidates]:
    """What a detector that is never wrong sees in each tile: every thing as far as it is inside."""
    found = []
    for left, top, right, bottom in tiles:
        boxes, kinds = [], []
        for box, label in zip(things, labels):
            clipped = np.array([max(box[0], left), max(box[1], top), min(box[2], right), min(box[3], bottom)])
            if (clipped[2:] - clipped[:2] >= SEEN).all():
                boxes.append(clipped - (left, top, left, top))
                kinds.append(label)
        count = len(boxes)
        found.append(
            Candidates(
                np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 0.9, np.float32), np.array(kinds, np.int64)
            )
        )
    return found


def merged(things, labels=None, *, size=SIZE, rule=RULE, selection=SELECTION) -> np.ndarray:
    things = np.asarray(things, np.float64).reshape(-1, 4)
    tiles = rule.tiles_of(size, (416, 416))
    answer = merge(ideal(things, [0] * len(things) if labels is None else labels, tiles), tiles, size, selection)
    return answer.boxes[np.lexsort(answer.boxes.T[::-1])]


def same(found: np.ndarray, things) -> bool:
    things = np.asarray(things, np.float64).reshape(-1, 4)
    things = things[np.lexsort(things.T[::-1])]
    return found.shape == things.shape and bool(np.abs(found - things).max(initial=0) <= 1)


def cuts(rule=RULE, size=SIZE) -> list[tuple[float, float]]:
    """A point in the middle of every overlap of neighbours, at every corner of tiles and on every edge."""
    tiles = rule.tiles_of(size, (416, 416))
    across = sorted({tile[side] for tile in tiles for side in (0, 2)})
    along = sorted({tile[side] for tile in tiles for side in (1, 3)})
    return [(x, y) for x in across for y in along]


@pytest.mark.parametrize("side", [20, 60, 120, 240, 500])
def test_a_thing_on_every_cut_and_corner(side):
    for x, y in cuts():
        for shift in (-0.5, -0.2, -0.8):
            left, top = x + shift * side, y + shift * side
            box = np.array([max(0, left), max(0, top), min(SIZE[1], left + side), min(SIZE[0], top + side)])
            if (box[2:] - box[:2] < SEEN).any():
                continue
            assert same(merged([box]), [box]), box


@pytest.mark.parametrize(("width", "height"), [(1000, 60), (60, 700), (1200, 800), (1300, 900)])
def test_things_that_are_larger_than_tiles(width, height):
    left, top = (SIZE[1] - width) / 2, (SIZE[0] - height) / 2
    box = [left, top, left + width, top + height]
    assert same(merged([box]), [box])


def test_neighbours_on_a_cut_stay_two():
    """Side by side, of one class, on every cut: complete in one tile each, or in none."""
    for x, y in cuts():
        for width, gap in ((40, 2), (90, 4), (130, 6)):
            pair = np.array(
                [[x - width - gap / 2, y - 30, x - gap / 2, y + 30], [x + gap / 2, y - 30, x + gap / 2 + width, y + 30]]
            )
            inside = (pair[:, :2] >= 0).all() and (pair[:, 2] <= SIZE[1]).all() and (pair[:, 3] <= SIZE[0]).all()
            if inside:
                assert same(merged(pair), pair), pair


def test_classes_are_not_joined():
    pair = np.array([[380.0, 100, 480, 200], [380, 100, 480, 200]])
    tiles = RULE.tiles_of(SIZE, (416, 416))
    answer = merge(ideal(pair, [0, 1], tiles), tiles, SIZE, SELECTION)
    assert sorted(answer.labels.tolist()) == [0, 1]


def test_the_whole_image_as_one_more_tile_changes_nothing_for_an_ideal_detector():
    things = np.array([[100.0, 100, 900, 700], [30, 20, 70, 60], [395, 395, 440, 440]])
    assert same(merged(things, [0, 1, 1], rule=TileRule(side=416, whole=True)), things)


@st.composite
def scenes(draw):
    """Things apart from each other in an image that is cut somehow."""
    size = draw(st.integers(200, 1500)), draw(st.integers(200, 1500))
    rule = draw(
        st.one_of(
            st.builds(TileRule, side=st.integers(100, 500), overlap=st.floats(0.1, 0.5), whole=st.booleans()),
            st.builds(TileRule, rows=st.integers(1, 4), columns=st.integers(1, 4), overlap=st.floats(0.1, 0.5)),
        )
    )
    things: list[list[int]] = []
    for _ in range(draw(st.integers(0, 12))):
        width, height = draw(st.integers(12, 180)), draw(st.integers(12, 180))
        left, top = draw(st.integers(0, size[1])), draw(st.integers(0, size[0]))
        box = [left, top, min(size[1], left + width), min(size[0], top + height)]
        apart = all(box[0] > other[2] + 8 or box[2] + 8 < other[0] or box[1] > other[3] + 8 or box[3] + 8 < other[1]
                    for other in things)  # fmt: skip
        if apart and box[2] - box[0] >= 12 and box[3] - box[1] >= 12:
            things.append(box)
    return size, rule, things


@settings(max_examples=300)
@given(scenes())
def test_any_scene_is_found_once_and_whole(scene):
    size, rule, things = scene
    assert same(merged(things, size=size, rule=rule), things)


def test_a_false_piece_is_not_joined_to_what_it_does_not_fit():
    """Two tiles disagree about how high a thing is: both are told, for somebody else to decide."""
    tiles = RULE.tiles_of(SIZE, (416, 416))
    first, second = tiles[0], tiles[1]
    found = [Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)) for _ in tiles]

    def one(box, tile):
        return Candidates(
            np.array([box], np.float32) - np.array([*tile[:2], *tile[:2]], np.float32),
            np.array([0.8], np.float32),
            np.array([0]),
        )

    found[0] = one([300, 50, first[2], 350], first)
    found[1] = one([second[0], 180, 520, 220], second)
    assert len(merge(found, tiles, SIZE, SELECTION).boxes) == 2


def test_rules_hold_for_what_is_merged():
    things = np.array([[x, 10, x + 30, 40] for x in range(5, 1200, 60)], float)
    assert len(merged(things, selection=Selection(max_detections=7))) == 7
    assert merged([]).shape == (0, 4)
