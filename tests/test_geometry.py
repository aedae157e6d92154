"""Fitting an image and undoing it: exact pixels, odd paddings, there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from yolov3.geometry import Geometry, fit_images, groups_of_one_size, rectangular_step, resize_image
from yolov3.structures import Level, Preprocessing

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))


@pytest.mark.parametrize(
    ("image_size", "inner", "offset"),
    [
        ((480, 640), (312, 416), (52, 0)),
        ((640, 480), (416, 312), (0, 52)),
        ((576, 768), (312, 416), (52, 0)),
        ((333, 500), (277, 416), (69, 0)),  # odd padding: 139 rows, 69 above and 70 below
        ((1, 1000), (1, 416), (207, 0)),
        ((1000, 1), (416, 1), (0, 207)),
        ((416, 416), (416, 416), (0, 0)),
    ],
)
def test_letterbox_sizes_are_darknets(image_size, inner, offset):
    geometry = Geometry.fit(image_size, Preprocessing())
    assert geometry.inner_size == inner
    assert geometry.offset == offset


@settings(max_examples=60, deadline=None)
@given(sizes, st.sampled_from(["letterbox", "stretch"]), st.sampled_from(["area", "darknet"]))
def test_boxes_come_back(image_size, fit, resize):
    geometry = Geometry.fit(image_size, Preprocessing(size=(320, 416), fit=fit, resize=resize))
    height, width = image_size
    boxes = np.array([[0, 0, width, height], [width * 0.2, height * 0.1, width * 0.7, height * 0.9]], np.float32)
    inside = geometry.boxes_to_network(boxes)
    tolerance = 1e-2 if resize == "area" else 1.0  # Darknet's undo is off by up to half a pixel of padding
    assert inside.min() >= -tolerance and (inside <= np.array([416, 320, 416, 320]) + tolerance).all()
    back = geometry.boxes_to_image(inside)
    assert np.allclose(back, boxes, atol=1e-3 * max(image_size))


@pytest.mark.parametrize("resize", ["area", "bilinear", "darknet"])
def test_a_marked_pixel_lands_in_its_box(resize):
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 150:180] = 255
    geometry = Geometry.fit((200, 300), Preprocessing(size=(416, 416), resize=resize))
    fitted = geometry.apply_image(image).astype(np.float32)
    fitted /= fitted.max()
    left, top, right, bottom = geometry.boxes_to_network(np.array([[150, 80, 180, 120]], np.float32))[0]
    bright = fitted[..., 0] > 0.75
    rows, columns = np.nonzero(bright)
    assert abs(rows.min() - top) < 2.5 and abs(rows.max() + 1 - bottom) < 2.5
    assert abs(columns.min() - left) < 2.5 and abs(columns.max() + 1 - right) < 2.5


def test_border_is_grey_of_the_stated_value():
    image = np.zeros((100, 200, 3), np.uint8)
    exact = Geometry.fit((100, 200), Preprocessing(resize="darknet")).apply_image(image)
    assert exact.dtype == np.float32 and exact[0, 0, 0] == 0.5 and exact[208, 208, 0] == 0.0
    quick = Geometry.fit((100, 200), Preprocessing()).apply_image(image)
    assert quick.dtype == np.uint8 and quick[0, 0, 0] == 128
    assert quick.shape == exact.shape == (416, 416, 3)


@pytest.mark.parametrize("size", [(7, 9), (64, 40), (33, 1), (1, 20), (5, 300)])
def test_darknet_resize_is_bilinear_with_aligned_corners(size):
    generator = np.random.default_rng(1)
    image = generator.integers(0, 256, (31, 47, 3), dtype=np.uint8)
    ours = resize_image(image, size, "darknet")
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    theirs = functional.interpolate(tensor, size=size, mode="bilinear", align_corners=True)[0].permute(1, 2, 0).numpy()
    if 1 in size:  # an output of one pixel: Darknet takes the last, torch the first
        axis = size.index(1)
        last = np.take(image, [-1], axis=axis)
        expected = resize_image(last, tuple(1 if i == axis else s for i, s in enumerate(size)), "darknet")
        assert np.allclose(ours, expected, atol=1e-6)
    else:
        assert np.allclose(ours, theirs, atol=1e-5)


def slow_darknet_resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """image.c's resize_image, pixel by pixel: first along the rows, then along the columns."""
    old_height, old_width, _ = image.shape
    height, width = size
    floats = image.astype(np.float64) / 255
    part = np.zeros((old_height, width, 3))
    for row in range(old_height):
        for column in range(width):
            if column == width - 1 or old_width == 1:
                part[row, column] = floats[row, old_width - 1]
            else:
                place = column * (old_width - 1) / (width - 1)
                rest = place - int(place)
                part[row, column] = (1 - rest) * floats[row, int(place)] + rest * floats[row, int(place) + 1]
    resized = np.zeros((height, width, 3))
    for row in range(height):
        place = row * (old_height - 1) / (height - 1)
        below = min(int(place) + 1, old_height - 1)
        rest = place - int(place)
        resized[row] = (1 - rest) * part[int(place)] + rest * part[below]
    return resized


def plain_darknet_resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same in float32, an axis after the other, each for the whole image: to be equalled to the last bit."""
    resized = image.astype(np.float32) / np.float32(255)
    for axis, length in ((1, size[1]), (0, size[0])):
        old = resized.shape[axis]
        if old == length:
            continue
        if length == 1:
            resized = np.take(resized, [old - 1], axis=axis)
            continue
        position = np.arange(length, dtype=np.float32) * np.float32((old - 1) / (length - 1))
        low = np.minimum(position.astype(np.int64), old - 1)
        low[-1] = old - 1
        high = np.minimum(low + 1, old - 1)
        weight = (position - low).astype(np.float32)
        weight[-1] = 0
        weight = weight.reshape([length if place == axis else 1 for place in range(3)])
        resized = (1 - weight) * np.take(resized, low, axis=axis) + weight * np.take(resized, high, axis=axis)
    return resized


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, st.integers(0, 10_000))
def test_darknets_resize_is_the_plain_one_to_the_last_bit(image_size, size, seed):
    image = np.random.default_rng(seed).integers(0, 256, (*image_size, 3), dtype=np.uint8)
    assert np.array_equal(resize_image(image, size, "darknet"), plain_darknet_resize(image, size))


def test_images_of_any_strides_are_resized():
    whole = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for resize in ("area", "bilinear", "darknet"):
        for image in (whole[:, ::-1], whole[::2, 10:], whole[..., ::-1]):
            expected = resize_image(image.copy(), (32, 45), resize)
            assert np.array_equal(resize_image(image, (32, 45), resize), expected)


@pytest.mark.parametrize("image_size", [(20, 31), (50, 33), (90, 40), (1, 7), (7, 1)])
def test_darknets_letterbox_pixel_by_pixel(image_size):
    image = np.random.default_rng(2).integers(0, 256, (*image_size, 3), dtype=np.uint8)
    geometry = Geometry.fit(image_size, Preprocessing(size=(64, 96), resize="darknet"))
    expected = np.full((64, 96, 3), 0.5)
    (top, left), (height, width) = geometry.offset, geometry.inner_size
    expected[top : top + height, left : left + width] = slow_darknet_resize(image, (height, width))
    assert np.allclose(geometry.apply_image(image), expected, atol=1e-5)


@settings(deadline=None)
@given(sizes, st.sampled_from([(416, 416), (320, 608), (608, 320)]))
def test_a_letterbox_touches_two_sides_and_keeps_the_aspect(image_size, size):
    geometry = Geometry.fit(image_size, Preprocessing(size=size))
    (height, width), (inner_height, inner_width) = image_size, geometry.inner_size
    assert inner_height == size[0] or inner_width == size[1]
    assert 1 <= inner_height <= size[0] and 1 <= inner_width <= size[1]
    scale = min(size[0] / height, size[1] / width)
    assert abs(inner_height - scale * height) <= 1 and abs(inner_width - scale * width) <= 1
    spare = [side - inner for side, inner in zip(size, geometry.inner_size)]
    assert geometry.offset == (spare[0] // 2, spare[1] // 2) and geometry.network_size == size


@pytest.mark.parametrize("resize", ["area", "bilinear", "darknet"])
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("image_size", [(1, 1), (1, 900), (900, 1), (64, 96), (200, 10)])
def test_every_image_fills_its_place_and_is_not_written_to(image_size, fit, resize):
    image = np.full((*image_size, 3), 200, np.uint8)
    image.setflags(write=False)
    geometry = Geometry.fit(image_size, Preprocessing(size=(64, 96), fit=fit, resize=resize))
    fitted = geometry.apply_image(image)
    assert fitted.shape == (64, 96, 3)
    bright, grey = (200, 128) if fitted.dtype == np.uint8 else (200 / 255, 0.5)
    (top, left), (height, width) = geometry.offset, geometry.inner_size
    inside = np.zeros((64, 96), bool)
    inside[top : top + height, left : left + width] = True
    assert np.allclose(fitted[inside], bright, atol=1e-6) and np.allclose(fitted[~inside], grey)


@settings(deadline=None)
@given(
    sizes, st.sampled_from([(416, 416), (320, 608)]), st.sampled_from([32, 64]), st.sampled_from(["area", "darknet"])
)
def test_a_rectangular_input_holds_the_same_image_in_less_border(image_size, size, step, resize):
    preprocessing = Preprocessing(size=size, resize=resize)
    whole, least = Geometry.fit(image_size, preprocessing), Geometry.fit(image_size, preprocessing, step)
    assert least.inner_size == whole.inner_size and least.image_size == whole.image_size
    for side, inner, full, start in zip(least.network_size, whole.inner_size, size, least.offset):
        assert inner <= side <= full and (side % step == 0 or side == full)
        assert side - inner < step and start == (side - inner) // 2
    image = np.random.default_rng(0).integers(0, 256, (*image_size, 3), dtype=np.uint8)
    insides = []
    for geometry in (whole, least):
        (top, left), (height, width) = geometry.offset, geometry.inner_size
        insides.append(geometry.apply_image(image)[top : top + height, left : left + width])
    assert np.array_equal(*insides)


def test_a_wide_image_needs_less_than_two_thirds_of_a_square():
    assert Geometry.fit((720, 1280), Preprocessing(), 32).network_size == (256, 416)
    assert Geometry.fit((1280, 720), Preprocessing(), 32).network_size == (416, 256)
    assert Geometry.fit((500, 500), Preprocessing(), 32).network_size == (416, 416)


def test_the_step_is_that_of_the_coarsest_level():
    levels = [Level(stride, ((10.0, 10.0),)) for stride in (64, 16)]
    assert rectangular_step(Preprocessing(), levels) == 64 and rectangular_step(Preprocessing(), levels[1:]) == 32
    with pytest.raises(ValueError, match=r"rect is for letterboxed images, and this model stretches them"):
        rectangular_step(Preprocessing(fit="stretch"), levels)


def test_images_are_grouped_by_the_inputs_they_need():
    needed = [(720, 1280), (500, 500), (1080, 1920), (501, 500)]
    assert groups_of_one_size([Geometry.fit(size, Preprocessing(), 32) for size in needed]) == [[0, 2], [1, 3]]
    assert groups_of_one_size([Geometry.fit(size, Preprocessing()) for size in needed]) == [[0, 1, 2, 3]]
    assert groups_of_one_size([]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=4), st.sampled_from(["area", "bilinear", "darknet"]), st.booleans())
def test_a_batch_is_its_images_each_in_its_place(image_sizes, resize, letterbox):
    preprocessing = Preprocessing(size=(96, 64), fit="letterbox" if letterbox else "stretch", resize=resize)
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in (*image_sizes, (96, 64))]
    geometries = [Geometry.fit(image.shape[:2], preprocessing) for image in images]
    batch = fit_images(images, geometries)
    assert batch.shape == (len(images), 96, 64, 3) and batch.flags.c_contiguous and batch.dtype == geometries[0].dtype
    for image, geometry, found in zip(images, geometries, batch):
        inner = resize_image(image, geometry.inner_size, resize)
        expected = np.full((96, 64, 3), 0.5 if resize == "darknet" else 128, inner.dtype)
        (top, left), (height, width) = geometry.offset, geometry.inner_size
        expected[top : top + height, left : left + width] = inner
        assert np.array_equal(found, expected) and np.array_equal(geometry.apply_image(image), expected)


def test_what_an_image_is_fitted_into_must_have_its_form():
    geometry = Geometry.fit((20, 10), Preprocessing(size=(64, 64)))
    for out in (np.empty((64, 32, 3), np.uint8), np.empty((64, 64, 3), np.float32)):
        with pytest.raises(AssertionError):
            geometry.apply_image(np.zeros((20, 10, 3), np.uint8), out)


def test_an_image_of_the_right_size_is_left_alone():
    image = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for resize in ("area", "bilinear"):
        geometry = Geometry.fit((64, 96), Preprocessing(size=(64, 96), resize=resize))
        assert np.array_equal(geometry.apply_image(image), image)
    exact = Geometry.fit((64, 96), Preprocessing(size=(64, 96), resize="darknet"))
    assert np.array_equal(exact.apply_image(image), image.astype(np.float32) / np.float32(255))


def test_area_averages_where_it_shrinks():
    image = np.zeros((64, 64, 3), np.uint8)
    image[::2] = 200
    assert (resize_image(image, (32, 32), "area") == 100).all()
    assert np.array_equal(resize_image(image, (128, 128), "area"), resize_image(image, (128, 128), "bilinear"))


def test_a_geometry_is_of_one_size_of_image():
    with pytest.raises(AssertionError, match=r"10, 20.*20, 10"):
        Geometry.fit((20, 10), Preprocessing()).apply_image(np.zeros((10, 20, 3), np.uint8))


def test_boxes_that_reach_outside_are_clipped_to_the_image():
    geometry = Geometry.fit((100, 200), Preprocessing(size=(416, 416)))
    boxes = np.array([[-500.0, -500, 900, 900], [0, 0, 416, 50]])
    found = geometry.boxes_to_image(boxes)
    assert found.tolist() == [[0, 0, 200, 100], [0, 0, 200, 0]] and found.dtype == np.float64
    assert boxes[0, 0] == -500, "nothing is overwritten"


def test_no_boxes():
    geometry = Geometry.fit((100, 200), Preprocessing())
    assert geometry.boxes_to_network(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert geometry.boxes_to_image(np.zeros((0, 4))).shape == (0, 4)
