"""The generated data set: the same from the same seed, valid COCO, boxes on the things, and a video of the same world."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.datasets.catalogue import open_dataset, resolve_data
from yolov3.errors import UserError
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset, write_shapes_video
from yolov3.shapes.scene import draw_image


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "shapes.json"
    }


def test_the_seed_decides_and_more_images_only_add(tmp_path):
    small = write_shapes_dataset(tmp_path / "a", train=3, val=2, unseen=1, seed=5)
    large = write_shapes_dataset(tmp_path / "b", train=5, val=2, unseen=1, seed=5)
    other = write_shapes_dataset(tmp_path / "c", train=3, val=2, unseen=1, seed=6)
    images = {name: digest for name, digest in digests(small).items() if name.endswith(".jpg")}
    assert len(images) == 6
    assert all(digests(large)[name] == digest for name, digest in images.items())
    assert not set(images.values()) & set(digests(other).values())


def test_it_is_a_data_set_like_any_other(tmp_path):
    root = write_shapes_dataset(tmp_path / "s", train=12, val=4, unseen=0, seed=0)
    for split, count in (("train", 12), ("val", 4)):
        dataset = open_dataset(resolve_data(root), split)
        assert dataset.names == CLASSES and len(dataset) == count
        report = dataset.report
        assert report.boxes > count and report.dropped_zero_area == report.dropped_outside == report.clipped == 0


def test_boxes_touch_what_is_labelled():
    """Without a thing the image is another one inside its box, and the same far away from it."""
    image = draw_image(np.random.default_rng(3), (240, 320))
    height, width = image.image.shape[:2]
    assert (image.boxes[:, :2] >= 0).all() and (image.boxes[:, 2:] <= (width, height)).all()
    areas = (image.boxes[:, 2] - image.boxes[:, 0]) * (image.boxes[:, 3] - image.boxes[:, 1])
    assert (image.areas > 0.15 * areas).all() and (image.areas <= areas).all()


def test_folders_of_the_user_are_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_text("mine")
    with pytest.raises(UserError, match="holds files that are no data set of generated shapes"):
        write_shapes_dataset(tmp_path / "mine", train=1, val=1, unseen=0, seed=0)
    root = write_shapes_dataset(tmp_path / "own", train=1, val=1, unseen=0, seed=0)
    write_shapes_dataset(root, train=2, val=1, unseen=0, seed=0)  # its own it makes anew
    assert len(json.loads((root / "annotations" / "instances_train.json").read_text())["images"]) == 2
    (root / "train" / "holiday.jpg").write_text("mine")
    with pytest.raises(UserError, match="holds files"):
        write_shapes_dataset(root, train=1, val=1, unseen=0, seed=0)
    assert (root / "train" / "holiday.jpg").read_text() == "mine"


def test_a_video_of_n_frames(tmp_path):
    path = write_shapes_video(tmp_path / "v.mp4", frames=7, fps=15.0, seed=0)
    capture, frames = cv2.VideoCapture(str(path)), []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    assert len(frames) == 7 and capture.get(cv2.CAP_PROP_FPS) == pytest.approx(15)
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1  # things move
    with pytest.raises(UserError, match="does not exist"):
        write_shapes_video(tmp_path / "no" / "v.mp4", frames=1, fps=15.0, seed=0)
