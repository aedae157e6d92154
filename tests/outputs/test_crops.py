"""What is inside each box, in a folder per class."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.images.files import read_image
from yolov3.outputs.crops import Crops


@pytest.fixture
def image() -> np.ndarray:
    """Columns in red, rows in green, four times as bright, which JPEG keeps nearly."""
    rows, columns = np.mgrid[:48, :64]
    return np.stack((3 * columns, 4 * rows, 0 * rows), axis=2).astype(np.uint8)


def test_a_crop_is_the_part_of_the_image_in_the_box(make_result, tmp_path, image):
    crops = Crops(tmp_path)
    crops.write(make_result([([10.9, 5.0, 41.6, 30.4], 0.9, 0), ([0.0, 0.0, 64.0, 48.0], 0.8, 1)], image=image))
    found = read_image(tmp_path / "crops" / "cat" / "street_1.jpg")
    expected = image[5:30, 10:42]
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 6
    assert read_image(tmp_path / "crops" / "dog" / "street_2.jpg").shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ([20.1, 20.1, 20.2, 20.2], (1, 1, 3)),
        ([-5.0, -3.0, 10.0, 9.0], (9, 10, 3)),
        ([60.0, 40.0, 90.0, 90.0], (8, 4, 3)),
        ([63.9, 47.9, 64.0, 48.0], (1, 1, 3)),
    ],
)
def test_small_boxes_and_those_at_the_edge_give_what_there_is(make_result, tmp_path, image, box, shape):
    Crops(tmp_path).write(make_result([(box, 0.9, 0)], image=image))
    assert read_image(tmp_path / "crops" / "cat" / "street_1.jpg").shape == shape


def test_what_lies_outside_gives_no_file_and_no_box_no_folder(make_result, tmp_path, image):
    crops = Crops(tmp_path)
    crops.write(make_result([([64.0, 0.0, 70.0, 5.0], 0.9, 0)], image=image))
    crops.write(make_result([], image=image))
    assert list((tmp_path / "crops").iterdir()) == []


def test_class_names_become_safe_folders(make_result, tmp_path, image):
    rows = [([0.0, 0.0, 9.0, 9.0], 0.9, 0), ([0.0, 0.0, 9.0, 9.0], 0.9, 1)]
    Crops(tmp_path).write(make_result(rows, image=image, names=("../up", "con")))
    assert {path.name for path in (tmp_path / "crops").iterdir()} == {".._up", "_con"}


def test_a_place_that_cannot_be_written_is_told(make_result, tmp_path, image):
    (tmp_path / "crops").write_text("")
    with pytest.raises(UserError, match="crops: cannot be made"):
        Crops(tmp_path)
