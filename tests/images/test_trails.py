"""Ways, lines and zones are drawn where they are, and nothing that lies outside of the image breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.images.draw import colour_of
from yolov3.images.trails import COUNTING, draw_shapes, draw_trails


def blank() -> np.ndarray:
    return np.full((200, 300, 3), 128, np.uint8)


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 40)


def test_a_way_ends_in_the_colour_of_its_class():
    image = blank()
    draw_trails(image, [(3, [(x, 100.0) for x in range(20, 280, 10)])])
    changed = (image != 128).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert abs(rows - 100).max() <= 2 and columns.max() >= 265
    first, last = (np.abs(image[100, x].astype(int) - colour_of(3)).sum() for x in (40, 262))
    assert last < 40 < first


def test_a_line_and_a_zone_with_their_words():
    image = blank()
    draw_shapes(image, [(((20.0, 150.0), (280.0, 150.0)), "line 1: 3 car in")], closed=False)
    assert near(image[150, 200], COUNTING) and (image[130:148, 25:80] != 128).any()
    other = blank()
    corners = ((50.0, 60.0), (250.0, 60.0), (250.0, 180.0), (50.0, 180.0))
    draw_shapes(other, [(corners, "")], closed=True)
    assert all(near(other[y, x], COUNTING) for x, y in ((150, 60), (250, 120), (150, 180), (50, 120)))
    assert other[120, 150].tolist() == [128] * 3


@pytest.mark.parametrize("points", [[(-1e9, 5), (1e9, 5)], [(1e9, 1e9), (2e9, 2e9)], [(5, 5)], [(0, 0), (0, 0)]])
def test_places_far_outside(points):
    image = blank()
    draw_trails(image, [(0, points)])
    draw_shapes(image, [(points, "a long text " * 20)], closed=False)
    assert image.shape == (200, 300, 3)
