"""Boxes and labels on an image."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.images.draw import colour_of, draw_boxes

GREY = np.full((120, 200, 3), 128, np.uint8)


def test_a_box_is_drawn_on_its_edge_in_its_colour_and_the_image_stays():
    before = GREY.copy()
    drawn = draw_boxes(GREY, np.array([[20.0, 40, 90, 100]]), [""], [4])
    assert (before == GREY).all()
    assert tuple(drawn[70, 20]) == colour_of(4) == tuple(drawn[99, 50])
    assert (drawn[42:98, 24:86] == 128).all() and (drawn[:38] == 128).all()


def test_labels_stay_inside_of_the_image():
    corners = np.array(
        [[0, 0, 30, 20], [180, 0, 200, 15], [150, 100, 200, 120], [-50, -50, 250, 170], [0, 118, 5, 120]], float
    )
    drawn = draw_boxes(GREY, corners, ["first", "a long name of a class 0.99", "third", "all", "ä 猫"], [0, 1, 2, 3, 4])
    assert drawn.shape == GREY.shape and (drawn != GREY).any()


def test_nothing_to_draw_and_the_smallest_image():
    assert (draw_boxes(GREY, np.zeros((0, 4)), [], []) == GREY).all()
    assert draw_boxes(np.zeros((1, 1, 3), np.uint8), np.array([[0, 0, 1, 1]]), ["x"], [0]).shape == (1, 1, 3)


def test_every_box_needs_its_text():
    with pytest.raises(ValueError, match="zip"):
        draw_boxes(GREY, np.zeros((2, 4)), ["one"], [0, 1])


def test_colours_of_many_classes_differ():
    assert len({colour_of(label) for label in range(80)}) == 80
