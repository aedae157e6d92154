"""Tiles cover everything, are of one size, and overlap as much as they should."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.errors import UserError
from yolov3.tiles.grid import MOST_TILES, TileRule

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.integers(32, 700), st.floats(0, 0.9))
def test_tiles_of_a_side(height, width, side, overlap):
    rule = TileRule(side=side, overlap=overlap)
    try:
        tiles = rule.tiles_of((height, width), (64, 64))
    except UserError as error:
        assert "tiles; at most 4096" in str(error)
        return
    assert_right(tiles, (height, width), overlap)
    assert {right - left for left, _, right, _ in tiles} == {min(side, width)}
    assert {bottom - top for _, top, _, bottom in tiles} == {min(side, height)}


@given(st.integers(100, 3000), st.integers(100, 3000), st.integers(1, 8), st.integers(1, 8), st.floats(0, 0.6))
def test_a_grid(height, width, rows, columns, overlap):
    tiles = TileRule(rows, columns, overlap=overlap).tiles_of((height, width), (64, 64))
    assert_right(tiles, (height, width), overlap)
    assert len(tiles) == rows * columns


def assert_right(tiles, size, overlap) -> None:
    """Every row and column of pixels is in a tile, and neighbours share what they should, rounded down."""
    height, width = size
    for first, second, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({(tile[first], tile[second]) for tile in tiles})
        assert spans[0][0] == 0 and max(end for _, end in spans) == length
        for (start, end), (following, _) in itertools.pairwise(spans):
            assert following <= end and end - following >= overlap * (end - start) - 2
    assert len(set(tiles)) == len(tiles)


def test_auto_cuts_what_is_clearly_larger():
    auto = TileRule.parse("auto")
    assert auto.tiles_of((600, 600), (416, 416)) == ((0, 0, 600, 600),)
    assert len(auto.tiles_of((720, 1280), (416, 416))) == 2 * 4
    assert auto.tiles_of((100, 640), (416, 416))[0] == (0, 0, 416, 100)


def test_the_whole_image_is_one_more_tile_once():
    rule = TileRule.parse("2x2", whole=True)
    tiles = rule.tiles_of((100, 200), (64, 64))
    assert len(tiles) == 5 and tiles[-1] == (0, 0, 200, 100)
    assert TileRule.parse("500", whole=True).tiles_of((100, 200), (64, 64)) == ((0, 0, 200, 100),)
    assert rule.word == "2x2, overlap 0.2, and whole" and TileRule.parse("auto").word == "auto, overlap 0.2"


@pytest.mark.parametrize(
    "text", ["", "0x3", "3x0", "100x100", "x", "2x", "31", "8193", "-5", "1e9", "2x2x2", "nan", "٣"]
)
def test_words_that_are_no_tiles(text):
    with pytest.raises(UserError, match=r"--tiles: found .* is expected"):
        TileRule.parse(text)


@pytest.mark.parametrize("overlap", [-0.1, 0.95, 1.0, float("nan")])
def test_overlaps_that_cannot_be(overlap):
    with pytest.raises(UserError, match=r"--overlap must lie in \[0, 0.9\]"):
        TileRule.parse("auto", overlap=overlap)


def test_too_many_are_refused():
    with pytest.raises(UserError, match=f"at most {MOST_TILES} are looked at"):
        TileRule(side=32).tiles_of((10_000, 10_000), (416, 416))
