"""What is blurred cannot be told again, and nothing else is changed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolov3.images.blur import CELLS, blur_boxes


def noise(height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_only_the_boxes_and_their_margin_are_changed():
    image = noise()
    before = image.copy()
    blurred = blur_boxes(image, np.array([[20.0, 10.0, 60.0, 50.0]]))
    assert np.array_equal(image, before), "the image that was given stays"
    changed = (blurred != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 51, 18, 61)
    assert changed[8:52, 18:62].mean() > 0.99


def test_two_images_with_the_same_means_become_the_same():
    """So whatever was finer is gone: a sharp chequer and its mean cannot be told apart afterwards."""
    chequer = np.zeros((96, 96, 3), np.uint8)
    chequer[(np.indices((96, 96)).sum(axis=0) % 2).astype(bool)] = 200
    flat = np.full_like(chequer, 100)
    box = np.array([[0, 0, 96, 96]])
    assert np.array_equal(blur_boxes(chequer, box), blur_boxes(flat, box))


def test_a_face_of_text_cannot_be_read():
    image = np.full((80, 240, 3), 255, np.uint8)
    cv2.putText(image, "AB 123 CD", (10, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (0, 0, 0), 3)
    blurred = blur_boxes(image, np.array([[0, 0, 240, 80]]))
    edges = [np.abs(np.diff(each[..., 0].astype(int), axis=1)).max() for each in (image, blurred)]
    assert edges[0] > 200 and edges[1] < 255 / (240 / CELLS / 2), "no edge is steeper than between two cells"


@pytest.mark.parametrize(
    "box", [[-50, -50, -10, -10], [200, 10, 240, 50], [30, 30, 30, 30], [79.5, 59.5, 200, 200], [-1e9, -1e9, 1e9, 1e9]]
)
def test_boxes_at_and_beyond_the_edges(box):
    image = noise()
    blurred = blur_boxes(image, np.array([box], np.float64))
    assert blurred.shape == image.shape and blurred.dtype == np.uint8


def test_nothing_to_blur_is_the_image_itself():
    image = noise()
    assert blur_boxes(image, np.zeros((0, 4))) is image
