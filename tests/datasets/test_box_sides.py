"""The sides of boxes as the network will see them, against the image resized and measured by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.datasets.box_sides import learned_sides
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.errors import UserError
from yolov3.structures import Preprocessing, Sample


def image(size: tuple[int, int], *boxes: tuple[int, int, int, int], ignore: tuple[bool, ...] = ()) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(array)
    ignored = np.array(ignore or (False,) * count, bool)
    return Sample(Path("x.png"), size, array, np.zeros(count, np.int64), ignored, np.ones(count, np.float32), 0)


def dataset(*samples: Sample) -> Dataset:
    return Dataset(samples, ("thing",), (1,), DatasetReport(), "made up")


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("letterbox", [(50 * 0.64, 50 * 0.64), (100 * 0.64, 25 * 0.64), (16, 48)]),
        ("stretch", [(50 * 0.64, 50 * 1.28), (100 * 0.64, 25 * 1.28), (16, 48)]),
    ],
)
def test_sides_are_those_of_the_fitted_image(fit, expected):
    wide = image((100, 200), (10, 10, 60, 60), (0, 0, 100, 25))
    square = image((64, 64), (3, 5, 11, 29))
    sides = learned_sides(dataset(wide, square), Preprocessing(size=(128, 128), fit=fit))
    assert sides.dtype == np.float64
    np.testing.assert_allclose(sides, expected, rtol=1e-6)


def test_ignored_objects_are_not_learned():
    sample = image((64, 64), (0, 0, 8, 8), (0, 0, 16, 16), ignore=(True, False))
    sides = learned_sides(dataset(sample, image((64, 64))), Preprocessing(size=(64, 64)))
    np.testing.assert_allclose(sides, [[16, 16]])


@pytest.mark.parametrize(
    "samples",
    [(), (image((9, 9)),), (image((64, 64), (0, 0, 8, 8), ignore=(True,)),)],
    ids=["none", "empty", "ignored"],
)
def test_no_box_to_learn_from_is_an_error(samples):
    with pytest.raises(UserError, match=r"^made up: no boxes to learn from$"):
        learned_sides(dataset(*samples), Preprocessing(size=(64, 64)))
