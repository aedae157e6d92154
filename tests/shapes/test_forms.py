"""The bodies: inside their windows however they lie, as large as their outlines say, turned and shortened as told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from yolov3.shapes.forms import CLASSES, CLUTTER, FLAT, FORMS, Body, Pose, make_body, window_side

KINDS = (*CLASSES, *CLUTTER)


def pose_of(radius: float = 30.0, **changes) -> Pose:
    values = dict(radius=radius, angle=0.0, tilt=0.0, shape=(0.5, 0.5, 0.5, 0.5), seed=0)
    return Pose(**{**values, **changes})


def random_pose(generator: np.random.Generator) -> Pose:
    return Pose(
        radius=float(generator.uniform(3, 60)),
        angle=float(generator.uniform(0, 2 * np.pi)),
        tilt=float(generator.uniform(0.2, 0.65)),
        shape=tuple(generator.random(4).tolist()),
        seed=int(generator.integers(2**31)),
    )


def in_the_middle(kind: str, pose: Pose) -> Body:
    half = window_side(pose.radius) / 2
    return make_body(kind, pose, (half, half))


def area(body: Body) -> float:
    return float(body.cover.sum())


def extent(body: Body) -> tuple[int, int]:
    """(height, width) of what is covered."""
    covered = body.cover >= 0.5
    return int(covered.any(axis=1).sum()), int(covered.any(axis=0).sum())


def test_every_kind_has_a_form_and_the_other_way_round():
    assert set(FORMS) == set(KINDS) and len(KINDS) == len(set(KINDS)) and set(KINDS) > FLAT


def bodies_anywhere(kind: str) -> Iterator[Body]:
    """Bodies of many poses, their centres anywhere in the middle pixel of their windows."""
    generator = np.random.default_rng(0)
    for _ in range(40):
        pose = random_pose(generator)
        centre = window_side(pose.radius) // 2 + generator.random(2)
        yield make_body(kind, pose, (float(centre[0]), float(centre[1])))


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_covers_something_and_stands_where_it_covers(kind):
    for body in bodies_anywhere(kind):
        side = len(body.cover)
        assert body.cover.shape == body.relief.shape == body.u.shape == body.v.shape == (side, side)
        assert body.cover.min() >= 0 and 0.5 < body.cover.max() <= 1
        assert np.isfinite(body.relief).all() and body.relief.dtype == np.float32
        assert not body.relief[body.cover == 0].any(), "no height where nothing is"
        assert body.lift >= 0 and body.relief.max() > 0


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_labelled_lies_inside_its_window_however_it_lies(kind):
    for body in bodies_anywhere(kind):
        border = np.ones(body.cover.shape, bool)
        border[1:-1, 1:-1] = False
        assert not body.cover[border].any(), "nothing is cut off"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pose_gives_the_same_body(kind):
    pose = random_pose(np.random.default_rng(1))
    first, second = in_the_middle(kind, pose), in_the_middle(kind, pose)
    assert np.array_equal(first.cover, second.cover) and np.array_equal(first.relief, second.relief)


@pytest.mark.parametrize("kind", KINDS)
def test_a_quarter_turn_is_a_quarter_turn_of_the_pixels(kind):
    pose = pose_of(shape=(0.3, 0.6, 0.8, 0.2), seed=5)
    body = in_the_middle(kind, pose)
    turned = in_the_middle(kind, pose_of(shape=pose.shape, seed=5, angle=np.pi / 2))
    np.testing.assert_allclose(turned.cover, np.rot90(body.cover, -1), atol=1e-3)
    np.testing.assert_allclose(turned.u, np.rot90(body.u, -1), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_radius_is_four_times_the_area(kind):
    small, large = (in_the_middle(kind, pose_of(radius, seed=3)) for radius in (40.0, 80.0))
    assert area(large) == pytest.approx(4 * area(small), rel=0.03)
    assert large.lift == pytest.approx(2 * small.lift)
    assert large.relief.max() == pytest.approx(2 * small.relief.max(), rel=0.1)


@pytest.mark.parametrize("kind", sorted(FLAT))
def test_what_lies_flat_is_shortened_by_the_leaning_view(kind):
    plain, leaning = (in_the_middle(kind, pose_of(50.0, tilt=tilt)) for tilt in (0.0, np.pi / 3))
    assert area(leaning) == pytest.approx(area(plain) / 2, rel=0.03)
    (plain_height, plain_width), (height, width) = extent(plain), extent(leaning)
    assert height == pytest.approx(plain_height / 2, abs=1.5) and width == pytest.approx(plain_width, abs=1)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - FLAT - {"box"}))
def test_what_stands_up_is_not_shortened(kind):
    plain, leaning = (in_the_middle(kind, pose_of(tilt=tilt)) for tilt in (0.0, 0.6))
    assert np.array_equal(plain.cover, leaning.cover)


def test_a_leaning_box_shows_a_side():
    plain, leaning = (in_the_middle("box", pose_of(60.0, tilt=tilt)) for tilt in (0.0, 0.6))
    assert extent(leaning)[0] > extent(plain)[0]


def test_areas_of_round_bodies():
    radius = 60.0
    assert area(in_the_middle("ball", pose_of(radius))) == pytest.approx(np.pi * radius**2, rel=0.01)
    for first in (0.0, 1.0):
        thick = 0.15 + 0.13 * first
        ring = in_the_middle("ring", pose_of(radius, shape=(first, 0, 0, 0)))
        expected = np.pi * (1 - (1 - 2 * thick) ** 2) * radius**2
        assert area(ring) == pytest.approx(expected, rel=0.01)
        thick = 0.27 + 0.13 * first
        capsule = in_the_middle("capsule", pose_of(radius, shape=(first, 0, 0, 0)))
        expected = (np.pi * thick**2 + 4 * thick * (1 - thick)) * radius**2
        assert area(capsule) == pytest.approx(expected, rel=0.01)


def test_a_ball_is_a_half_sphere():
    body = in_the_middle("ball", pose_of(60.0))
    inside = body.cover == 1
    expected = 60 * np.sqrt(1 - (body.u**2 + body.v**2)[inside])
    np.testing.assert_allclose(body.relief[inside], expected, atol=1e-3)


def test_a_ring_has_a_hole_and_a_star_five_points():
    ring = in_the_middle("ring", pose_of(50.0))
    middle = ring.cover.shape[0] // 2
    assert ring.cover[middle, middle] == 0
    star = in_the_middle("star", pose_of(50.0))
    turned = in_the_middle("star", pose_of(50.0, angle=2 * np.pi / 5))
    other = in_the_middle("star", pose_of(50.0, angle=np.pi / 5))
    assert np.abs(turned.cover - star.cover).mean() < 0.01 < np.abs(other.cover - star.cover).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_irregular_bodies_differ_by_their_seed_and_others_do_not(kind):
    first, second = (in_the_middle(kind, pose_of(seed=seed)) for seed in (1, 2))
    assert np.array_equal(first.cover, second.cover) == (kind not in ("pebble", "crumbs"))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ball", "crumbs"}))
def test_proportions_differ_by_the_shape(kind):
    first, second = (in_the_middle(kind, pose_of(shape=(each,) * 4)) for each in (0.1, 0.9))
    assert not np.array_equal(first.cover, second.cover)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_by_whole_pixels_shifts_the_body(kind):
    pose = pose_of(20.0, angle=0.4, tilt=0.3)
    half = window_side(20.0) / 2
    here, there = make_body(kind, pose, (half, half)), make_body(kind, pose, (half + 2, half + 1))
    np.testing.assert_allclose(there.cover[1:, 2:], here.cover[:-1, :-2], atol=1e-4)


@pytest.mark.parametrize("radius", [0.1, 1.0, 12.5, 300.0])
def test_windows_have_a_middle_pixel_and_room_around(radius):
    side = window_side(radius)
    assert side % 2 == 1 and side >= 2 * radius + 4


def test_an_unknown_kind():
    with pytest.raises(KeyError, match="donut"):
        in_the_middle("donut", pose_of())
