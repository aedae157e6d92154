"""Fitting an image and undoing it: exact pixels, odd paddings, there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from yolov3.geometry import Geometry, resize_image
from yolov3.structures import Preprocessing

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
    back = geometry.boxes_to_image(torch.from_numpy(inside)).numpy()
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


def test_impossible_preprocessing_is_refused():
    for wrong in ({"size": (100, 416)}, {"fit": "crop"}, {"resize": "nearest"}, {"fill": 2.0}):
        with pytest.raises(ValueError, match="must"):
            Preprocessing(**wrong)
