"""Boxes and labels on an image: where they are drawn, in which colours, and that they can be read."""

from __future__ import annotations

import itertools

import cv2
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


def test_colours_of_neighbours_are_far_apart():
    colours = np.array([colour_of(label) for label in range(80)], float)
    assert np.linalg.norm(np.diff(colours, axis=0), axis=1).min() > 100
    assert ((colours >= 0) & (colours <= 255)).all()


def test_the_first_box_and_its_text_are_on_top():
    box = np.array([[20.0, 40, 90, 100]])
    both = draw_boxes(GREY, np.repeat(box, 2, axis=0), ["", ""], [3, 7])
    assert (both == draw_boxes(GREY, box, [""], [3])).all()


def bars_of(image: np.ndarray, labels: list[int]) -> list[tuple[int, int, int, int]]:
    """left, top, right, bottom of the bar of each text; the labels must differ. Boxes have the colours too, but thin."""
    found = []
    for label in labels:
        filled = cv2.morphologyEx(
            (image == colour_of(label)).all(axis=2).astype(np.uint8), cv2.MORPH_OPEN, np.ones((4, 4))
        )
        rows, columns = np.nonzero(filled)
        found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return found


def overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> bool:
    """By more than the line of a box that a bar lies on."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    return min(first[2], second[2]) - left > 2 and min(first[3], second[3]) - top > 2


def test_texts_of_the_same_box_do_not_cover_each_other():
    canvas = np.full((300, 400, 3), 128, np.uint8)
    texts = ["first 0.90", "second 0.80", "third 0.70", "fourth 0.60", "fifth 0.50"]
    drawn = draw_boxes(canvas, np.repeat([[120.0, 80, 250, 220]], 5, axis=0), texts, [0, 1, 2, 3, 4])
    first, *others = bars = bars_of(drawn, [0, 1, 2, 3, 4])
    assert not any(overlap(one, other) for one, other in itertools.combinations(bars, 2))
    assert first[3] <= 81 and first[0] >= 118, "the best has the usual place"
    for left, top, right, bottom in others:
        assert 0 <= left < right <= 400 and 0 <= top < bottom <= 300


def test_in_a_crowd_no_text_is_covered_while_there_is_room():
    canvas = np.full((720, 1280, 3), 128, np.uint8)
    places = np.random.default_rng(1).random((12, 2)) * (1000, 500) + (60, 80)
    boxes = np.hstack((places, places + 120))
    texts = [f"class {number} 0.50" for number in range(12)]
    bars = bars_of(draw_boxes(canvas, boxes, texts, list(range(12))), list(range(12)))
    assert not any(overlap(one, other) for one, other in itertools.combinations(bars, 2))


def test_the_best_text_is_on_top_where_there_is_no_room():
    small = np.full((24, 60, 3), 128, np.uint8)
    box = np.array([[2.0, 2, 58, 22]])
    texts = draw_boxes(small, np.repeat(box, 6, axis=0), ["first"] + ["second"] * 5, [3, 7, 7, 7, 7, 7])
    alone = draw_boxes(small, box, ["first"], [3])
    bar = (alone == colour_of(3)).all(axis=2)
    bar[:, :3] = bar[:, -3:] = False
    bar[:3] = bar[18:] = False
    assert bar.sum() > 50 and (texts[bar] == colour_of(3)).all()


def test_the_places_of_texts_do_not_depend_on_chance():
    boxes = np.random.default_rng(2).random((40, 4)) * 60
    boxes[:, 2:] += boxes[:, :2] + 20
    texts, labels = [f"{number} 0.5" for number in range(40)], list(range(40))
    assert (draw_boxes(GREY, boxes, texts, labels) == draw_boxes(GREY, boxes, texts, labels)).all()


def test_a_text_stands_above_its_box_or_inside_where_there_is_no_room():
    background = colour_of(5)
    high, low = (draw_boxes(GREY, np.array([[20.0, top, 120, 115]]), ["x"], [5]) for top in (0, 60))
    for drawn, rows in ((low, slice(42, 58)), (high, slice(2, 15))):
        bar = (drawn[rows, 20:30] == background).all(axis=2)
        assert bar.mean() > 0.5
    assert (low[62:100, 24:116] == 128).all(), "above only"


def test_every_text_can_be_read_on_its_colour():
    for label in range(24):
        drawn = draw_boxes(GREY, np.array([[20.0, 60, 120, 115]]), ["Wxyz"], [label])
        bar = drawn[44:58, 22:40].reshape(-1, 3).astype(float)
        luminance = bar @ (0.299, 0.587, 0.114)
        assert luminance.max() - luminance.min() > 80, label


def test_lines_and_letters_grow_with_the_image():
    def drawn_share(side: int) -> float:
        image = np.zeros((side, side, 3), np.uint8)
        box = np.array([[0.2, 0.2, 0.8, 0.8]]) * side
        return float((draw_boxes(image, box, ["a name"], [1]) > 0).any(axis=2).mean())

    assert drawn_share(2000) == pytest.approx(drawn_share(1000), rel=0.2)
    assert drawn_share(6000) == pytest.approx(drawn_share(1000), rel=0.2), "at 8K too"


def test_on_a_small_image_the_text_can_be_read_and_leaves_the_image_visible():
    image = np.full((200, 300, 3), 128, np.uint8)
    drawn = draw_boxes(image, np.array([[40.0, 60, 200, 180]]), ["person 0.98"], [2])
    left, top, right, bottom = bars_of(drawn, [2])[0]
    assert 14 <= bottom - top <= 22 and 50 <= right - left <= 110


def test_boxes_far_outside_and_inside_out_do_no_harm():
    boxes = np.array([[-1e6, -1e6, -1e5, -1e5], [1e6, 1e6, 2e6, 2e6], [50, 50, 40, 40], [60, 60, 60, 60]])
    drawn = draw_boxes(GREY, boxes, ["a", "b", "c", "d"], [0, 1, 2, 3])
    assert drawn.shape == GREY.shape and drawn.dtype == np.uint8


def test_an_image_that_may_not_be_written_to_is_drawn_on_a_copy():
    image = np.ascontiguousarray(GREY[:, ::-1])[:, ::-1]  # not contiguous
    image.setflags(write=False)
    drawn = draw_boxes(image, np.array([[20.0, 40, 90, 100]]), ["x"], [0])
    assert drawn.flags.writeable and drawn.flags.c_contiguous and (image == 128).all()
