"""One and the same image for a while is frozen; whatever differs in a byte is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yolov3.streams.frozen import FrozenImage


def random_image(seed: int, shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (*shape, 3), dtype=np.uint8)


def test_it_changes_when_the_time_has_passed_and_when_it_moves():
    frozen, still = FrozenImage(10.0), random_image(0)
    assert [frozen.look(still.copy(), now) for now in (0.0, 4.0, 9.9, 10.0, 11.0)] == [False, False, False, True, False]
    assert frozen.is_frozen
    assert frozen.look(random_image(1), 12.0) and not frozen.is_frozen
    assert not frozen.look(still, 30.0), "the time between two images is none in which it stood still"


def test_one_pixel_is_a_movement():
    """Also one that the first glance does not see."""
    frozen, image = FrozenImage(1.0), random_image(0)
    for now in range(20):
        moved = image.copy()
        moved[301, 303, 1] = now
        frozen.look(moved, float(now))
        assert not frozen.is_frozen, now


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.01, 3.0)), min_size=1, max_size=40))
def test_it_is_frozen_when_a_slow_look_back_says_so(steps):
    images = [random_image(0, (100, 140))] * 3
    images[1] = images[0].copy()
    images[1][1, 1] ^= 1
    images[2] = random_image(2, (40, 70))
    frozen, now, seen = FrozenImage(2.5), 0.0, []
    for number, pause in steps:
        now += pause
        seen.append((number, now))
        frozen.look(images[number], now)
        first = len(seen) - 1
        while first and seen[first - 1][0] == number:
            first -= 1
        assert frozen.is_frozen == (first < len(seen) - 1 and now - seen[first][1] >= 2.5)


def test_an_image_of_another_size_or_layout_is_looked_at_too():
    frozen = FrozenImage(0.5)
    for now, image in enumerate((random_image(0, (1, 1)), random_image(0, (2000, 3)), random_image(0)[:, ::-1])):
        frozen.look(image, float(now))
        assert not frozen.is_frozen
    frozen.look(random_image(0)[:, ::-1], 5.0)
    assert frozen.is_frozen
