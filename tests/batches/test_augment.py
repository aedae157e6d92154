"""Colours, mirror images, blur and noise: as much as the settings say, boxes with them, the same for the same seed."""

from __future__ import annotations

import colorsys
import os

import numpy as np
import pytest

from yolov3.batches.augment import NOISE_SHARE, Augmenter, distort_colour
from yolov3.errors import UserError


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Noise, lighter to the right and below, so that no mirror image is like another."""
    rows, columns = np.mgrid[:48, :64]
    noise = np.random.default_rng(0).integers(0, 60, (48, 64, 3))
    return (noise + 2 * rows[..., None] + 1.5 * columns[..., None]).clip(0, 255).astype(np.uint8)


def some_boxes(count: int, seed: int = 0) -> np.ndarray:
    """Boxes (N + 3, 4) in an image of 48 by 64, some of a pixel, some at its very edges."""
    generator = np.random.default_rng(seed)
    left, top = generator.uniform(0, 63, count), generator.uniform(0, 47, count)
    right, bottom = generator.uniform(left + 1, 64), generator.uniform(top + 1, 48)
    boxes = np.stack((left, top, right, bottom), axis=1)
    edges = np.array([[0, 0, 64, 48], [0, 0, 1, 1], [63, 47, 64, 48]])
    return np.concatenate((boxes, edges)).astype(np.float32)


def test_a_mirror_image_mirrors_its_boxes_and_keeps_their_order(plain, image):
    boxes = some_boxes(400)
    for update, mirrored, expected in (
        ({"flip": 1.0}, image[:, ::-1], np.stack((64 - boxes[:, 2], boxes[:, 1], 64 - boxes[:, 0], boxes[:, 3]), 1)),
        (
            {"flip_vertical": 1.0},
            image[::-1],
            np.stack((boxes[:, 0], 48 - boxes[:, 3], boxes[:, 2], 48 - boxes[:, 1]), 1),
        ),
        ({"flip": 1.0, "flip_vertical": 1.0}, image[::-1, ::-1], (64, 48, 64, 48) - boxes[:, [2, 3, 0, 1]]),
    ):
        augmenter = Augmenter(plain.model_copy(update=update))
        found, placed = augmenter(np.random.default_rng(0), image, boxes)
        np.testing.assert_array_equal(found, mirrored)
        assert placed.dtype == np.float32
        np.testing.assert_allclose(placed, expected, atol=1e-4)


def test_a_probability_is_how_often(plain, image):
    augmenter = Augmenter(plain.model_copy(update={"flip": 0.3}))
    flipped = sum(
        np.array_equal(augmenter(np.random.default_rng(seed), image, some_boxes(0))[0], image[:, ::-1])
        for seed in range(300)
    )
    assert 60 <= flipped <= 120


def test_nothing_switched_on_changes_nothing(plain, image):
    boxes = some_boxes(5)
    found, placed = Augmenter(plain)(np.random.default_rng(0), image, boxes)
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(placed, boxes)


def test_blur_takes_detail_away_and_noise_adds_what_was_said(plain, image):
    boxes = some_boxes(40)
    detail = np.abs(np.diff(image.astype(int), axis=1)).mean()
    grey = np.full((200, 200, 3), 128, np.uint8)
    blurring, noisy = (Augmenter(plain.model_copy(update={name: 1.0})) for name in ("blur", "noise"))
    spreads = []
    for seed in range(20):
        blurred, placed = blurring(np.random.default_rng(seed), image, boxes)
        assert np.abs(np.diff(blurred.astype(int), axis=1)).mean() < detail
        np.testing.assert_allclose(placed, boxes, atol=1e-4)
        spreads.append(noisy(np.random.default_rng(seed), grey, boxes)[0].std() / 255)
    low, high = NOISE_SHARE
    assert low - 0.002 < min(spreads) < max(spreads) < high + 0.002 and max(spreads) > 1.5 * min(spreads)


def test_an_image_depends_on_its_own_seed_and_not_on_those_before_it(everything, image):
    boxes = some_boxes(6)
    used, fresh = Augmenter(everything), Augmenter(everything)
    for seed in range(5):
        used(np.random.default_rng(seed), image, boxes)
    results = [augmenter(np.random.default_rng(99), image, boxes) for augmenter in (used, fresh)]
    for first, second in zip(*results):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(fresh(np.random.default_rng(98), image, boxes)[0], results[0][0])


def test_images_without_boxes_pass_every_stage(everything):
    for seed in range(20):
        found, none = Augmenter(everything)(
            np.random.default_rng(seed), np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32)
        )
        assert found.shape == (64, 64, 3) and found.dtype == np.uint8 and none.shape == (0, 4)


def test_exposure_multiplies_and_its_inverse_divides(plain):
    ramp = np.repeat(np.arange(0, 150, dtype=np.uint8)[None, :, None], 3, axis=2)
    bright = plain.model_copy(update={"exposure": 1.7})
    factors = []
    for seed in range(200):
        found = distort_colour(np.random.default_rng(seed), ramp, bright)
        assert (found == found[..., :1]).all()
        factor = found[0, -1, 0] / 149
        factors.append(factor)
        np.testing.assert_allclose(found[0, :, 0], (np.arange(150) * factor).clip(0, 255), atol=1.01)
    assert 1 / 1.71 <= min(factors) < 0.65 and 1.6 < max(factors) <= 1.71
    assert 70 <= sum(factor < 1 for factor in factors) <= 130


def test_hue_is_shifted_and_saturation_multiplied_as_far_as_the_settings_say(plain):
    colour = np.full((4, 4, 3), (200, 120, 100), np.uint8)
    hue, saturation, value = colorsys.rgb_to_hsv(*(colour[0, 0] / 255))
    shifted = plain.model_copy(update={"hue": 0.1, "saturation": 1.5})
    shifts, factors = [], []
    for seed in range(300):
        found = distort_colour(np.random.default_rng(seed), colour, shifted)
        new_hue, new_saturation, new_value = colorsys.rgb_to_hsv(*(found[0, 0] / 255))
        assert new_value == pytest.approx(value, abs=0.01)
        shifts.append((new_hue - hue + 0.5) % 1 - 0.5)
        factors.append(new_saturation / saturation)
    assert -0.11 < min(shifts) < -0.09 and 0.09 < max(shifts) < 0.11 and abs(np.mean(shifts)) < 0.015
    assert 0.65 < min(factors) < 0.7 and 1.4 < max(factors) < 1.53


def test_grey_has_no_hue_to_shift(plain):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    wild = plain.model_copy(update={"hue": 0.5, "saturation": 3.0})
    np.testing.assert_array_equal(distort_colour(np.random.default_rng(1), grey, wild), grey)


@pytest.mark.parametrize("before", [None, "mine"])
def test_the_import_asks_no_network_and_leaves_the_environment_alone(plain, monkeypatch, before):
    if before is None:
        monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    else:
        monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", before)
    Augmenter(plain.model_copy(update={"flip": 0.5}))
    assert os.environ.get("NO_ALBUMENTATIONS_UPDATE") == before


def test_the_package_of_another_licence_under_the_same_name_is_refused(plain, tmp_path, monkeypatch):
    folder = tmp_path / "albumentationsx-2.0.20.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: albumentationsx\nVersion: 2.0.20\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"albumentationsx \(AGPL\) owns the import albumentations; uninstall it"):
        Augmenter(plain.model_copy(update={"flip": 0.5}))
    Augmenter(plain)  # needs neither
