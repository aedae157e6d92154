"""Labels as YOLO has them, there and back through the reader of data sets."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.datasets.yolo import read_label_file
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.outputs.text_labels import TextLabels


def test_boxes_come_back_through_the_reader_of_data_sets(make_result, tmp_path):
    result = make_result()
    TextLabels(tmp_path, with_scores=False).write(result)
    rows = read_label_file(tmp_path / "labels" / "street.txt", num_classes=10).rows
    for (box, _, label), (own, x, y, width, height) in zip(result.rows, rows, strict=True):
        assert own == label
        found = [(x - width / 2) * 64, (y - height / 2) * 48, (x + width / 2) * 64, (y + height / 2) * 48]
        np.testing.assert_allclose(found, box, atol=1e-4)


def test_scores_stand_behind_the_box_when_asked_for(make_result, tmp_path):
    TextLabels(tmp_path, with_scores=True).write(make_result([([16.0, 12.0, 48.0, 36.0], 0.875, 2)]))
    assert (tmp_path / "labels" / "street.txt").read_text() == "2 0.500000 0.500000 0.500000 0.500000 0.875000\n"


def test_a_frame_without_objects_has_an_empty_file(make_result, tmp_path):
    labels = TextLabels(tmp_path, with_scores=False)
    labels.write(make_result([]))
    labels.write(make_result([], index=3))
    assert {path.name: path.read_text() for path in (tmp_path / "labels").iterdir()} == {
        "street.txt": "", "street_000003.txt": "",
    }  # fmt: skip


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "labels").write_text("")
    with pytest.raises(UserError, match="labels: cannot be made: File exists"):
        TextLabels(tmp_path, with_scores=False)


def test_the_classes_are_named_beside_the_labels(make_result, tmp_path):
    labels = TextLabels(tmp_path, with_scores=False)
    labels.write(make_result(names=()))
    assert not (tmp_path / "classes.txt").exists()
    labels.write(make_result(names=("Katze", "鳥")))
    assert read_names(tmp_path / "classes.txt") == ("Katze", "鳥")
