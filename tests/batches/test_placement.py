"""Where an image and its boxes are put: one affine map for both, Darknet's where nothing else is switched on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from yolov3.batches.placement import clip_placed, draw_placement, place_boxes, place_image, placement_matrix
from yolov3.structures import Preprocessing


def corners_of(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Top left and bottom right corner (x, y) of an image under a map."""
    return np.array([[0, 0], [size[1], size[0]]]) @ matrix[:, :2].T + matrix[:, 2]


def test_a_turned_box_holds_its_ellipse(preprocessing, plain):
    turning = plain.model_copy(update={"rotate": 180.0})
    matrix = draw_placement(np.random.default_rng(1), (100, 150), preprocessing, turning)
    box = np.array([[30.0, 20, 110, 60]])
    angle = np.linspace(0, 2 * np.pi, 2000)
    points = np.stack((70 + 40 * np.cos(angle), 40 + 20 * np.sin(angle)), axis=1) @ matrix[:, :2].T + matrix[:, 2]
    expected = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_allclose(place_boxes(box, matrix)[0], expected, atol=1e-3)


def test_placement_is_darknets_when_nothing_is_switched_on(plain):
    """Without jitter an image fills the input in one direction, and its corners lie where the letterbox puts them."""
    matrix = draw_placement(np.random.default_rng(0), (100, 200), Preprocessing(size=(64, 64)), plain)
    corners = corners_of(matrix, (100, 200))
    np.testing.assert_allclose(corners[1] - corners[0], (64, 32))
    assert corners[0, 0] == pytest.approx(0) and 0 <= corners[0, 1] <= 32


def test_jitter_changes_the_aspect_and_keeps_the_image_inside(plain):
    jittered = plain.model_copy(update={"jitter": 0.3})
    generator = np.random.default_rng(3)
    aspects, places = [], []
    for _ in range(300):
        corners = corners_of(draw_placement(generator, (100, 100), Preprocessing(size=(64, 96)), jittered), (100, 100))
        width, height = corners[1] - corners[0]
        assert height == pytest.approx(64) or width == pytest.approx(96)
        assert (corners > -1e-6).all() and (corners[1] < np.array((96, 64)) + 1e-6).all()
        aspects.append(width / height)
        places.append(corners[0, 0] / (96 - width) if width < 95 else 0.5)
    assert 0.7 / 1.3 <= min(aspects) < 0.65 and 1.6 < max(aspects) <= 1.3 / 0.7
    assert min(places) < 0.05 and max(places) > 0.95


def test_stretched_images_are_jittered_side_by_side(plain):
    jittered = plain.model_copy(update={"jitter": 0.2})
    generator = np.random.default_rng(3)
    sides = []
    for _ in range(200):
        matrix = draw_placement(generator, (30, 200), Preprocessing(size=(64, 96), fit="stretch"), jittered)
        corners = corners_of(matrix, (30, 200))
        sides.append((corners[1] - corners[0]) / (96, 64))
    assert np.min(sides) >= 0.8 and np.max(sides) <= 1.2
    assert np.ptp(sides, axis=0).min() > 0.35 and abs(np.corrcoef(np.array(sides).T)[0, 1]) < 0.2


def test_angles_are_drawn_between_both_directions(plain):
    turning = plain.model_copy(update={"rotate": 30.0})
    generator = np.random.default_rng(3)
    angles = []
    for _ in range(200):
        matrix = draw_placement(generator, (100, 100), Preprocessing(size=(64, 64)), turning)
        angles.append(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))
        np.testing.assert_allclose(np.linalg.det(matrix[:, :2]), 0.64**2)
    assert -30 <= min(angles) < -27 and 27 < max(angles) <= 30 and abs(np.mean(angles)) < 4


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0])
def test_zoom_is_on_top_and_translate_narrows_it_to_the_middle(plain, zoom):
    still = plain.model_copy(update={"scale": (zoom, zoom), "translate": 0.0})
    corners = corners_of(
        draw_placement(np.random.default_rng(0), (100, 200), Preprocessing(size=(64, 64)), still), (100, 200)
    )
    np.testing.assert_allclose(corners[1] - corners[0], (64 * zoom, 32 * zoom))
    np.testing.assert_allclose(corners.mean(axis=0), (32, 32))


@settings(max_examples=100, deadline=None)
@given(
    some.tuples(some.integers(1, 300), some.integers(1, 300)),
    some.tuples(some.floats(1, 300), some.floats(1, 300)),
    some.tuples(some.floats(-100, 100), some.floats(-100, 100)),
    some.floats(-np.pi, np.pi),
)
def test_the_map_is_a_resize_a_turn_and_a_move_one_after_the_other(image_size, sides, offset, angle):
    def move(x: float, y: float) -> np.ndarray:
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])

    resize = np.diag([sides[1] / image_size[1], sides[0] / image_size[0], 1])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    middle = move(sides[1] / 2, sides[0] / 2)
    expected = move(offset[1], offset[0]) @ middle @ turn @ np.linalg.inv(middle) @ resize
    found = placement_matrix(image_size, np.array(sides), np.array(offset), angle=angle)
    np.testing.assert_allclose(found, expected[:2], atol=1e-6)


@pytest.mark.parametrize("scale", [(1.5, 0.8), (0.1, 0.1), (0.3, 0.25), (4.0, 4.0)])
@pytest.mark.parametrize("resize", ["area", "bilinear"])
def test_an_image_is_resampled_where_its_boxes_are(scale, resize):
    image = np.zeros((900, 900, 3), np.uint8)
    image[300:600, 300:600] = 255
    matrix = np.array([[scale[0], 0, 7.0], [0, scale[1], 3.0]])
    height, width = (int(900 * side + 20) for side in scale[::-1])
    placed = place_image(image, matrix, (height, width), fill=0, resize=resize)
    left, top, right, bottom = place_boxes(np.array([[300.0, 300, 600, 600]]), matrix)[0]
    middle_row, middle_column = int((top + bottom) / 2), int((left + right) / 2)
    rows = np.flatnonzero(placed[:, middle_column, 0] > 127)
    columns = np.flatnonzero(placed[middle_row, :, 0] > 127)
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == pytest.approx((left, right, top, bottom), abs=0.51)


def test_what_an_image_does_not_cover_is_filled():
    matrix = np.array([[1.0, 0, 10], [0, 1, 5]])
    placed = place_image(np.full((20, 20, 3), 200, np.uint8), matrix, (40, 50), fill=0.5)
    assert placed.shape == (40, 50, 3)
    expected = np.full((40, 50, 3), 128, np.uint8)
    expected[5:25, 10:30] = 200
    assert (placed != expected).mean() < 0.06  # a rim of half pixels
    assert (placed[8:22, 13:27] == 200).all() and (placed[30:] == 128).all()


def test_a_large_image_is_averaged_and_not_sampled_pixel_by_pixel():
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    matrix = np.diag([0.1, 0.1]) @ np.eye(2, 3)
    averaged, sampled = (
        place_image(noise, matrix, (40, 40), fill=0, resize=resize)[2:38, 2:38] for resize in ("area", "bilinear")
    )
    assert averaged.std() < 12 < 30 < sampled.std()
    assert averaged.mean() == pytest.approx(127.5, abs=2)


def test_the_smallest_image_can_be_placed(plain, preprocessing):
    matrix = draw_placement(np.random.default_rng(0), (1, 1), preprocessing, plain)
    placed = place_image(np.full((1, 1, 3), 90, np.uint8), matrix, preprocessing.size, fill=0.5)
    assert placed.shape == (64, 96, 3) and 90 <= placed.min() < 95 and placed.max() > 120


boxes = some.lists(some.tuples(*[some.floats(-20, 40, width=32)] * 4), max_size=8)


@settings(max_examples=200, deadline=None)
@given(boxes, some.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_clipping_as_a_loop_box_by_box(drawn, minimum_visible):
    tidy = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in drawn]
    clipped, keep = clip_placed(
        np.array(tidy, np.float64).reshape(-1, 4), (2.0, 3.0, 22.0, 13.0), minimum_visible=minimum_visible
    )
    assert clipped.dtype == np.float32 and clipped.shape == (len(tidy), 4)
    for (left, top, right, bottom), found, kept in zip(tidy, clipped, keep, strict=True):
        box = (min(max(left, 2), 22), min(max(top, 3), 13), min(max(right, 2), 22), min(max(bottom, 3), 13))
        assert found.tolist() == [np.float32(value) for value in box]
        width, height = box[2] - box[0], box[3] - box[1]
        visible = width * height >= minimum_visible * ((right - left) * (bottom - top))
        assert kept == (visible and width >= 1 and height >= 1)


def test_flat_and_no_boxes_are_clipped_like_others():
    flat = np.array([[5, 5, 5, 9], [1, 1, 3, 3]], np.float64)
    clipped, keep = clip_placed(flat, (0, 0, 10, 10), minimum_visible=0.1)
    assert keep.tolist() == [False, True]
    none, kept = clip_placed(clipped[:0], (0, 0, 10, 10), minimum_visible=0.1)
    assert none.shape == (0, 4) and kept.shape == (0,)
    assert place_boxes(flat[:0], np.eye(2, 3)).shape == (0, 4)


def test_boxes_and_pixels_are_turned_together(plain):
    """The pixels of a white ellipse fill the box around it, wherever it is put."""
    turning = plain.model_copy(update={"rotate": 30.0, "scale": (0.6, 0.9)})
    generator = np.random.default_rng(8)
    for _ in range(20):
        matrix = draw_placement(generator, (120, 160), Preprocessing(size=(128, 128)), turning)
        canvas = np.zeros((120, 160, 3), np.uint8)
        cv2.ellipse(canvas, (80, 60), (50, 25), 0, 0, 360, (255, 255, 255), -1)  # columns 30 to 130, rows 35 to 85
        rows, columns, _ = np.nonzero(place_image(canvas, matrix, (128, 128), fill=0) > 127)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        box = place_boxes(np.array([[30.0, 35, 131, 86]]), matrix)[0].clip(0, 128)
        assert found == pytest.approx(box, abs=1.5)
