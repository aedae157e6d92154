"""What was found is written as labels: people correct them elsewhere, and our readers open them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.catalogue.opening import find_data
from yolov3.config.experiment import DataSection
from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.rewriting.labels import write_labels
from yolov3.rewriting.options import FORMAT_NAMES


@pytest.fixture
def found(drawn, tmp_path):
    """Detections in two images, one box partly outside, one without area; in a third nothing."""
    dataset = drawn(tmp_path / "images", [(f"{name}.png", (20, 30), []) for name in ("one", "two", "three")])
    boxes = ([[1, 2.5, 11, 12], [20, 10, 40, 30], [3, 3, 3, 8]], [[0, 0, 30, 20]], [])
    return [
        Detections(
            torch.tensor(own, dtype=torch.float32).reshape(-1, 4), torch.full((len(own),), 0.5),
            torch.arange(len(own)) % 3, dataset.names, sample.size, str(sample.path),
        )
        for sample, own in zip(dataset.samples, boxes)
    ]  # fmt: skip


@pytest.mark.parametrize("to", FORMAT_NAMES)
def test_our_readers_open_them(found, tmp_path, to):
    written = write_labels(found, tmp_path / "new", to)
    assert written.parts["default"].images == 3 and written.parts["default"].objects == 3 and written.notes == ()
    opened = find_data(DataSection(root=str(tmp_path / "new"))).everything()
    by_stem = {sample.path.stem: sample for sample in opened.samples}
    assert opened.names == ("cat", "dog", "bird") and set(by_stem) == {"one", "two", "three"}
    assert np.allclose(by_stem["one"].boxes, [[1, 2.5, 11, 12], [20, 10, 30, 20]], atol=1e-4)
    assert by_stem["one"].labels.tolist() == [0, 1] and not by_stem["one"].ignore.any()
    assert np.allclose(by_stem["two"].boxes, [[0, 0, 30, 20]], atol=1e-4) and not len(by_stem["three"].boxes)


def test_sizes_are_read_where_they_are_not_known_and_images_copied(found, tmp_path):
    written = write_labels([replace(each, image_size=None) for each in found], str(tmp_path / "new"), "yolo", copy=True)
    assert written.folder == tmp_path / "new"
    assert not any(path.is_symlink() for path in (tmp_path / "new").rglob("*"))


def test_what_cannot_be_labels(found, tmp_path):
    for given, to, message in (
        ([], "coco", "no detections to write"),
        (found, "kitti", "to: found 'kitti'; allowed: coco, voc, yolo"),
        ([replace(found[0], source=None)], "coco", "detections without a source: not an image file"),
        (
            [replace(found[0], source="film.mp4 (3)")],
            "coco",
            r"film\.mp4 \(3\): not an image file, so labels have none",
        ),
        ([found[0], replace(found[1], names=("a",))], "coco", r"two\.png: its detections are of the classes \['a'\]"),
        ([replace(found[0], names=("a",))], "coco", "class 2 has no name; there are 1"),
    ):
        with pytest.raises(UserError, match=message):
            write_labels(given, tmp_path / "new", to)
    assert not (tmp_path / "new").exists()
