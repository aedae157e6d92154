"""Light and camera: what is lit, what is shaded, what covers what, and what a small camera makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.shapes.forms import Pose, window_side
from yolov3.shapes.materials import TILE_SIDE, Ground
from yolov3.shapes.render import Camera, Light, Thing, develop, light_ground, overlap, paint, place

SIZE = (140, 180)


def light_from(x: float, y: float, *, sun: float = 0.8, sky: float = 0.3) -> Light:
    direction = np.array((x, y, 1.0), np.float32)
    return Light(direction / np.linalg.norm(direction), np.full(3, sun, np.float32), np.full(3, sky, np.float32))


def ball(x: float = 90.0, y: float = 70.0, radius: float = 20.0, *, light: float = 0.5) -> Thing:
    pose = Pose(radius, 0.0, 0.0, (0.5,) * 4, 0)
    return Thing("ball", (x, y), pose, np.full((TILE_SIDE, TILE_SIDE, 3), light, np.float32), 0.0)


def camera(**changes) -> Camera:
    values = dict(falloff=np.ones(SIZE, np.float32), blur=0.0, noise=0.0, balance=np.ones(3, np.float32))
    return Camera(**{**values, **changes})


def ground(level: float = 0.4) -> np.ndarray:
    return np.full((*SIZE, 3), level, np.float32)


def test_level_ground_has_the_light_that_is_told():
    light = light_from(0.5, -0.3)
    lit = light_ground(Ground(ground(), np.zeros(SIZE, np.float32)), light)
    np.testing.assert_allclose(lit, 0.4 * np.broadcast_to(light.on_flat_ground, lit.shape), rtol=1e-5)


def test_slopes_towards_the_sun_are_brighter():
    light = light_from(1.0, 0.0)  # the sun stands on the right
    columns = np.arange(SIZE[1], dtype=np.float32)
    hill = np.broadcast_to(-np.abs(columns - 90) * 0.5, SIZE).copy()
    lit = light_ground(Ground(ground(), hill), light)[..., 0]
    level = 0.4 * light.on_flat_ground[0]
    assert lit[70, 130] > level * 1.05 > level * 0.95 > lit[70, 50]
    np.testing.assert_allclose(lit, np.broadcast_to(lit[0], SIZE), rtol=1e-5)
    upside_down = light_ground(Ground(ground(), hill), light_from(-1.0, 0.0))[..., 0]
    assert upside_down[70, 50] > level > upside_down[70, 130]


def test_light_is_the_sum_of_sun_and_sky():
    light = light_from(0.0, 0.0, sun=0.7, sky=0.2)
    np.testing.assert_allclose(light.on_flat_ground, [0.9] * 3, rtol=1e-6)


def slow_overlap(
    corner: tuple[int, int], window: tuple[int, int], size: tuple[int, int]
) -> set[tuple[int, int, int, int]]:
    """Each pixel of a window that falls into the image: where it lies in the window and in the image."""
    return {
        (row, column, row + corner[0], column + corner[1])
        for row in range(window[0])
        for column in range(window[1])
        if 0 <= row + corner[0] < size[0] and 0 <= column + corner[1] < size[1]
    }


@settings(deadline=None)
@given(
    st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_overlaps_equal_the_obvious_ones(corner, window, size):
    own, theirs = overlap(corner, window, size)
    rows, columns = np.mgrid[: window[0], : window[1]]
    found_rows, found_columns = np.mgrid[: size[0], : size[1]]
    pairs = zip(
        rows[own].ravel().tolist(),
        columns[own].ravel().tolist(),
        found_rows[theirs].ravel().tolist(),
        found_columns[theirs].ravel().tolist(),
        strict=True,
    )
    assert set(pairs) == slow_overlap(corner, window, size)


@pytest.mark.parametrize("x", [90.0, 90.25, 90.99])
def test_things_are_placed_to_the_fraction_of_a_pixel(x):
    placed = place(ball(x, 70.5))
    rows, columns = np.mgrid[: placed.body.cover.shape[0], : placed.body.cover.shape[1]] + 0.5
    weight = placed.body.cover.sum()
    assert placed.left + (columns * placed.body.cover).sum() / weight == pytest.approx(x, abs=0.02)
    assert placed.top + (rows * placed.body.cover).sum() / weight == pytest.approx(70.5, abs=0.02)


@pytest.mark.parametrize("centre", [(90, 70), (2, 3), (179, 139), (-10, 70), (90, 155)])
def test_a_mask_is_what_is_covered_inside_the_image(centre):
    placed = place(ball(*map(float, centre)))
    mask, region = placed.mask(SIZE)
    whole = np.zeros(SIZE, bool)
    whole[region] = mask
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    distance = np.hypot(columns - centre[0], rows - centre[1])
    assert whole[distance < 19].all() and not whole[distance > 21].any()


def test_what_is_outside_of_the_image_has_an_empty_mask():
    mask, region = place(ball(-500.0, 70.0)).mask(SIZE)
    assert mask.size == 0 and not np.zeros(SIZE)[region].size


def painted(thing: Thing, light: Light) -> np.ndarray:
    canvas = ground(0.4) * light.on_flat_ground
    paint(canvas, place(thing), light, np.full(3, 0.4, np.float32))
    return canvas


def test_a_shadow_falls_away_from_the_sun():
    light = light_from(1.0, 0.0)
    canvas, level = painted(ball(), light), float(0.4 * light.on_flat_ground[0])
    left, right = canvas[70, 90 - 26, 0], canvas[70, 90 + 26, 0]
    assert left < 0.75 * level < 0.9 * level < right
    mirrored = painted(ball(), light_from(-1.0, 0.0))
    assert mirrored[70, 90 + 26, 0] < 0.75 * level
    np.testing.assert_allclose(canvas[0, 0], level, rtol=1e-5)
    assert (canvas <= max(level, canvas[50:91, 70:111].max()) + 1e-5).all(), "no shadow is brighter than the ground"


def test_in_the_shadow_the_sky_is_left():
    light = light_from(1.0, 0.0, sun=0.9, sky=0.3)
    canvas = painted(ball(), light)
    outside = np.ones(SIZE, bool)
    outside[48:93, 68:113] = False
    assert canvas[outside].min() >= 0.4 * light.sky.min() * 0.99


def test_a_body_is_brighter_towards_the_sun_and_where_its_skin_is():
    light = light_from(1.0, 0.0)
    bright, dark = (painted(ball(light=each), light) for each in (0.6, 0.2))
    assert bright[70, 102, 0] > bright[70, 78, 0]
    assert bright[70, 90, 0] > dark[70, 90, 0]
    glossy = painted(replace(ball(light=0.2), gloss=1.0), light)
    assert glossy[55:86, 75:106].max() > dark[55:86, 75:106].max() + 0.1


def test_painting_stays_close_and_outside_of_the_image_paints_nothing():
    light = light_from(0.3, 0.4)
    before = ground(0.4) * light.on_flat_ground
    canvas = painted(ball(60.0, 60.0, 8.0), light)
    assert np.array_equal(canvas[100:], before[100:]) and np.array_equal(canvas[:, 120:], before[:, 120:])
    assert np.array_equal(painted(ball(-300.0, 60.0), light), before)
    for centre in ((0.0, 0.0), (179.5, 70.0), (90.0, 139.9)):
        assert np.isfinite(painted(ball(*centre), light)).all()


def test_who_is_painted_later_lies_on_top():
    light = light_from(0.0, 0.0)
    canvas = ground() * light.on_flat_ground
    for level in (0.2, 0.9):
        paint(canvas, place(ball(light=level)), light, np.full(3, 0.4, np.float32))
    np.testing.assert_allclose(canvas[60:80, 80:100], painted(ball(light=0.9), light)[60:80, 80:100], rtol=1e-4)


def test_a_perfect_camera_takes_the_root_of_the_light():
    image = develop(ground(0.25), camera(), np.random.default_rng(0))
    assert image.dtype == np.uint8 and image.shape == (*SIZE, 3) and (image == round(255 * 0.5)).all()
    assert not develop(ground(0.0), camera(), np.random.default_rng(0)).any()


def test_highlights_roll_off_and_never_burst():
    levels = [
        develop(ground(level), camera(), np.random.default_rng(0))[0, 0, 0] for level in (0.5, 0.81, 1.0, 4.0, 100.0)
    ]
    assert levels == sorted(levels) and levels[-1] == 255 and levels[2] < 250


def test_a_cameras_noise_is_the_generators():
    first, second, other = (develop(ground(), camera(noise=0.02), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)
    spreads = [
        float(develop(ground(level), camera(noise=0.02), np.random.default_rng(1)).std()) for level in (0.05, 0.4)
    ]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.1), "the same in dark and bright places"
    assert 1 < spreads[0] < 255 * 0.02


def test_blur_falloff_and_balance():
    canvas = ground(0.1)
    canvas[:, 90:] = 0.6
    sharp, soft = (develop(canvas, camera(blur=blur), np.random.default_rng(0)) for blur in (0.0, 2.0))
    assert len(np.unique(sharp)) == 2 and len(np.unique(soft)) > 6
    falloff = np.ones(SIZE, np.float32)
    falloff[:, :90] = 0.5
    image = develop(ground(), camera(falloff=falloff), np.random.default_rng(0))
    assert image[0, 0, 0] == pytest.approx(image[0, 120, 0] * np.sqrt(0.5), abs=1)
    warm = develop(ground(), camera(balance=np.array([1.2, 1.0, 0.8], np.float32)), np.random.default_rng(0))[0, 0]
    assert warm[0] > warm[1] > warm[2]


def test_the_canvas_of_a_camera_is_left_alone():
    canvas = ground()
    develop(canvas, camera(blur=1.0, noise=0.01), np.random.default_rng(0))
    assert (canvas == np.float32(0.4)).all()


def test_a_window_has_room_for_its_body():
    placed = place(ball())
    assert placed.body.cover.shape == (window_side(20.0),) * 2
