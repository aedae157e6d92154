"""Images made ready are those that fitting one by one gives, together by size, in places that are known."""

from __future__ import annotations

import numpy as np

from yolov3.geometry import Geometry
from yolov3.inference.prepared import prepare
from yolov3.structures import Preprocessing

PREPROCESSING = Preprocessing(size=(96, 128))


def images(*sizes):
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (*size, 3), np.uint8) for size in sizes]


def test_all_of_one_size_go_together():
    given = images((50, 60), (200, 100), (96, 128))
    prepared = prepare(given, PREPROCESSING)
    (group,) = prepared.groups
    assert len(prepared) == 3 and group.numbers == (0, 1, 2) and prepared.seconds > 0
    assert group.images.shape == (3, 3, 96, 128)
    for image, geometry, fitted in zip(given, group.geometries, group.images, strict=True):
        assert geometry == Geometry.fit(image.shape[:2], PREPROCESSING)
        assert np.array_equal(geometry.apply_image(image), fitted.permute(1, 2, 0))


def test_with_a_step_each_goes_with_those_of_its_size():
    prepared = prepare(images((30, 128), (90, 120), (32, 128)), PREPROCESSING, 32)
    assert [(group.numbers, tuple(group.images.shape)) for group in prepared.groups] == [
        ((0, 2), (2, 3, 32, 128)),
        ((1,), (1, 3, 96, 128)),
    ]


def test_no_images():
    assert prepare([], PREPROCESSING).groups == () and len(prepare([], PREPROCESSING)) == 0
