"""The generated data set: the same from the same seed, valid COCO, boxes on the things; a video of the same world."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.errors import UserError
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset, write_shapes_video


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "shapes.json"
    }


def frames_of(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    return frames


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


def test_the_annotations_are_cocos_and_describe_the_images(tmp_path):
    root = write_shapes_dataset(tmp_path / "s", train=5, val=3, unseen=2, seed=1)
    for split, count in (("train", 5), ("val", 3)):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(root / "annotations" / f"instances_{split}.json")
        assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(CLASSES)
        assert len(coco.getImgIds()) == count
        for entry in coco.loadImgs(coco.getImgIds()):
            image = cv2.imread(str(root / split / entry["file_name"]))
            assert image.shape == (entry["height"], entry["width"], 3)
            for found in coco.loadAnns(coco.getAnnIds(imgIds=entry["id"])):
                left, top, width, height = found["bbox"]
                assert left >= 0 and top >= 0 and left + width <= entry["width"] and top + height <= entry["height"]
                assert 0 < found["area"] <= width * height and found["iscrowd"] == 0
    assert len(list((root / "unseen").iterdir())) == 2 and not (root / "annotations" / "instances_unseen.json").exists()
    made_by = json.loads((root / "shapes.json").read_text())
    assert (made_by["seed"], made_by["train"], made_by["val"], made_by["unseen"]) == (1, 5, 3, 2)


def test_images_are_those_that_are_drawn_and_of_several_sizes(tmp_path):
    root = write_shapes_dataset(tmp_path / "s", train=12, val=0, unseen=0, seed=2)
    shapes = {cv2.imread(str(path)).shape[:2] for path in sorted((root / "train").iterdir())}
    assert len(shapes) > 4 and any(height > width for height, width in shapes)
    assert all(224 <= min(shape) <= 272 and 288 <= max(shape) <= 352 for shape in shapes)


def test_nothing_is_a_data_set_too(tmp_path):
    root = write_shapes_dataset(tmp_path / "s", train=0, val=0, unseen=0, seed=0)
    assert json.loads((root / "annotations" / "instances_val.json").read_text())["annotations"] == []


def test_impossible_numbers_are_refused_before_anything_is_made(tmp_path):
    for changes in ({"train": -1}, {"unseen": -1}, {"seed": -1}):
        with pytest.raises(UserError, match=r"must be 0 or more, found .*-1"):
            write_shapes_dataset(tmp_path / "s", **{"train": 1, "val": 1, "unseen": 1, "seed": 0, **changes})
    for changes in ({"frames": 0}, {"fps": 0.0}, {"seed": -1}):
        with pytest.raises(UserError, match="a video needs frames and a rate above 0, found"):
            write_shapes_video(tmp_path / "v.mp4", **{"frames": 1, "fps": 15.0, "seed": 0, **changes})
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="file: a file lies in the data set's place"):
        write_shapes_dataset(tmp_path / "file", train=1, val=1, unseen=0, seed=0)
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        write_shapes_dataset(tmp_path / "file" / "s", train=1, val=1, unseen=0, seed=0)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=r"folder\.mp4: cannot be written"):
        write_shapes_video(tmp_path / "folder.mp4", frames=1, fps=15.0, seed=0)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("marker", ["", "{}", "[]", '{"made_by": "somebody"}', "\0"])
def test_a_folder_with_another_marker_is_the_users(tmp_path, marker):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "shapes.json").write_text(marker)
    with pytest.raises(UserError, match="holds files that are no data set of generated shapes"):
        write_shapes_dataset(tmp_path / "s", train=1, val=1, unseen=0, seed=0)
    assert (tmp_path / "s" / "shapes.json").read_text() == marker


def test_a_folder_left_half_written_is_made_anew(tmp_path):
    root = write_shapes_dataset(tmp_path / "s", train=2, val=1, unseen=0, seed=0)
    whole = digests(root)
    (root / "annotations" / "instances_train.json").unlink()
    (root / "train" / "000001.jpg").write_bytes(b"half")
    assert digests(write_shapes_dataset(root, train=2, val=1, unseen=0, seed=0)) == whole


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
    frames = frames_of(path)
    assert len(frames) == 7 and cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(15)
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1  # things move
    with pytest.raises(UserError, match="does not exist"):
        write_shapes_video(tmp_path / "no" / "v.mp4", frames=1, fps=15.0, seed=0)


def test_the_seed_decides_a_video_and_longer_ones_begin_alike(tmp_path):
    short, long, other = (
        frames_of(write_shapes_video(tmp_path / f"{frames}-{seed}.mp4", frames=frames, fps=10.0, seed=seed))
        for frames, seed in ((2, 1), (4, 1), (2, 2))
    )
    assert [len(video) for video in (short, long, other)] == [2, 4, 2]
    assert np.array_equal(short[0], long[0]) and not np.array_equal(short[0], other[0])
    assert short[0].shape == (256, 320, 3)
