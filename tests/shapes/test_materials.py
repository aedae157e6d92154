"""Procedural colour and relief: in range, smooth where it is meant, and drawn from the given generator alone."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
import pytest

from yolov3.shapes.materials import (
    GROUNDS,
    TILE_SIDE,
    cloth,
    colour,
    fractal,
    gravel,
    natural_tile,
    noise,
    plaster,
    thing_tile,
    tiles,
    wood,
)

SIZE = (120, 170)
BASE = colour(0.6, 0.7, 0.8)

DRAWERS: dict[str, Callable[[np.random.Generator], object]] = {
    "noise": lambda generator: noise(generator, SIZE, (12, 30)),
    "fractal": lambda generator: fractal(generator, SIZE, (40, 20), octaves=4),
    "natural tile": lambda generator: natural_tile(generator, BASE),
    "thing tile": lambda generator: thing_tile(generator, BASE),
    **{name: lambda generator, ground=ground: ground(generator, SIZE) for name, ground in GROUNDS.items()},
}


def arrays_of(drawn) -> list[np.ndarray]:
    return [drawn] if isinstance(drawn, np.ndarray) else [drawn.albedo, drawn.relief]


@pytest.mark.parametrize("name", DRAWERS)
def test_the_generator_decides_and_nothing_else(name):
    np.random.seed(1)  # noqa: NPY002  # the global generator, which must not matter
    first = arrays_of(DRAWERS[name](np.random.default_rng(5)))
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    second = arrays_of(DRAWERS[name](np.random.default_rng(5)))
    other = arrays_of(DRAWERS[name](np.random.default_rng(6)))
    np.random.seed(1)  # noqa: NPY002
    assert np.random.get_state()[1].tolist() == state, "and it is not drawn from"  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))


def test_noise_changes_over_its_cells():
    fine, coarse = (noise(np.random.default_rng(0), SIZE, (cell, cell)) for cell in (4, 60))
    assert fine.shape == coarse.shape == SIZE and fine.dtype == np.float32
    steps = [float(np.abs(np.diff(each, axis=1)).mean()) for each in (fine, coarse)]
    assert steps[0] > 5 * steps[1]
    for each in (fine, coarse):
        assert -0.3 < each.min() < each.max() < 1.3
    tall = noise(np.random.default_rng(0), SIZE, (60, 4))
    assert np.abs(np.diff(tall, axis=1)).mean() > 5 * np.abs(np.diff(tall, axis=0)).mean(), "(height, width)"


def test_a_fractal_is_noise_of_ever_finer_cells():
    generator = np.random.default_rng(0)
    one, many = (fractal(np.random.default_rng(0), SIZE, (64, 64), octaves=octaves) for octaves in (1, 5))
    plain = noise(generator, SIZE, (64, 64))
    np.testing.assert_allclose(one, 2 * plain - 1, atol=1e-6)
    assert np.abs(np.diff(many, axis=1)).mean() > 1.2 * np.abs(np.diff(one, axis=1)).mean()
    calm = fractal(np.random.default_rng(0), SIZE, (64, 64), octaves=5, gain=0.1)
    assert np.abs(np.diff(calm, axis=1)).mean() < np.abs(np.diff(many, axis=1)).mean()
    assert -1.4 < many.min() < 0 < many.max() < 1.4


def test_colours_are_those_of_colorsys_in_linear_light():
    generator = np.random.default_rng(0)
    for hue, saturation, value in [*generator.random((200, 3)), (0, 0, 0), (1, 1, 1), (0.5, 1, 1), (1 / 3, 1, 0.5)]:
        found = colour(hue, saturation, value)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, np.array(colorsys.hsv_to_rgb(hue, saturation, value)) ** 2, atol=1e-5)
    np.testing.assert_allclose(colour(-0.2, 0.5, 0.5), colour(0.8, 0.5, 0.5), atol=1e-6)


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize("size", [(224, 288), (352, 224), (40, 200), (9, 7)])
def test_grounds_have_light_and_relief_of_every_size(name, size):
    for seed in range(6):
        ground = GROUNDS[name](np.random.default_rng(seed), size)
        assert ground.albedo.shape == (*size, 3) and ground.relief.shape == size
        assert np.isfinite(ground.albedo).all() and np.isfinite(ground.relief).all()
        assert ground.albedo.min() > -0.1 and ground.albedo.max() < 2.0 and 0.01 < ground.albedo.mean() < 1.0
        assert ground.albedo.flags.c_contiguous and ground.relief.flags.c_contiguous


@pytest.mark.parametrize("name", GROUNDS)
def test_grounds_are_made_in_single_precision(name):
    for seed in range(4):
        ground = GROUNDS[name](np.random.default_rng(seed), SIZE)
        assert ground.albedo.dtype == ground.relief.dtype == np.float32


def test_the_named_grounds_are_the_functions():
    assert {"wood": wood, "cloth": cloth, "gravel": gravel, "plaster": plaster, "tiles": tiles} == GROUNDS


def test_planks_lie_either_way():
    ways = set()
    for seed in range(12):
        relief = wood(np.random.default_rng(seed), (200, 200)).relief
        ways.add(bool(np.abs(np.diff(relief, axis=0)).mean() > np.abs(np.diff(relief, axis=1)).mean()))
    assert ways == {False, True}


@pytest.mark.parametrize("make", [natural_tile, thing_tile])
def test_skins_are_light_of_the_tiles_size(make):
    for seed in range(30):
        tile = make(np.random.default_rng(seed), BASE)
        assert tile.shape == (TILE_SIDE, TILE_SIDE, 3) and tile.dtype == np.float32
        assert tile.min() >= 0 and tile.max() <= 1


def test_a_natural_skin_is_of_its_colour():
    for seed in range(10):
        mean = natural_tile(np.random.default_rng(seed), BASE).mean(axis=(0, 1))
        np.testing.assert_allclose(mean / np.linalg.norm(mean), BASE / np.linalg.norm(BASE), atol=0.02)


def test_patterns_of_things_are_of_several_kinds():
    spreads = [float(thing_tile(np.random.default_rng(seed), BASE).std(axis=(0, 1)).max()) for seed in range(60)]
    assert min(spreads) < 0.04 and max(spreads) > 0.15
