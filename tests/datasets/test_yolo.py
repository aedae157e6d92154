"""YOLO's text labels: taken strictly, found where people put them, and what is wrong is said with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.datasets.yolo import label_path, read_label_file
from yolov3.errors import UserError


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0 0.5 0.5 0.1", r"one\.txt:1: found 4 columns"),
        ("0 0.5 0.5 0.1 0.1\n\n3 0.5 0.5 0.1 0.1", r"one\.txt:3: class 3; there are 3 classes, numbered 0 to 2"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5"),
        ("0 nan 0.5 0.1 0.1", "must be finite"),
        ("0 inf 0.5 0.1 0.1", "must be finite"),
        ("nan 0.5 0.5 0.1 0.1", "must be finite"),
        ("0 a 0.5 0.1 0.1", "expected numbers: class cx cy w h"),
        ("0 100 50 30 20", "shares of the image"),
        ("0 " + "0.1 " * 7, "found 8 columns, expected 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "found 6 columns, expected 5: .*; is the last one a score"),
        ("0 " + "0.1 " * 4 + "0.1 nan", "must be finite"),
    ],
)
def test_what_a_label_file_gets_wrong_is_named_with_its_line(files, tmp_path, lines, message):
    root = files.write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").write_text(lines)
    with pytest.raises(UserError, match=message) as error:
        files.opened(root)
    assert str(error.value).startswith(f"{root}/labels/val/one.txt:")


def test_label_files_of_other_systems_are_read(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").write_bytes(b"\xef\xbb\xbf1.0 0.5 0.5 0.5 0.5\r\n\r\n")
    assert files.opened(root).samples[0].labels.tolist() == [1]


def test_the_rows_of_a_label_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("2 0.25 .5 1e-1 1\n\n0\t0\t0\t0\t0\n")
    assert read_label_file(path, num_classes=3).rows == [(2, 0.25, 0.5, 0.1, 1), (0, 0, 0, 0, 0)]
    path.write_text("")
    assert read_label_file(path, num_classes=3).rows == []
    path.write_bytes(b"\xff\xfe0")
    with pytest.raises(UserError, match=r"a\.txt: not readable as labels"):
        read_label_file(path, num_classes=3)
    with pytest.raises(UserError, match=r"none\.txt: cannot be read: No such file"):
        read_label_file(tmp_path / "none.txt", num_classes=3)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("set/images/val/x.jpg", "set/labels/val/x.txt"),
        ("images/set/images/a/x.tar.jpg", "images/set/labels/a/x.tar.txt"),
        ("VOC2007/JPEGImages/000001.jpg", "VOC2007/labels/000001.txt"),
        ("photographs/x.png", "photographs/x.txt"),
        ("set/images.jpg", "set/images.txt"),
        ("images/x.jpg", "labels/x.txt"),
    ],
)
def test_where_the_labels_of_an_image_lie(image, labels):
    assert label_path(Path(image)) == Path(labels)


def test_an_image_without_a_label_file_is_a_background_and_told(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").unlink()
    dataset = files.opened(root)
    assert [len(sample.boxes) for sample in dataset.samples] == [0, 2, 0]
    told = "2 images without a label file, taken as without objects: one.png, two.png"
    assert told in dataset.report.summary()
    for name in ("one", "two"):
        (root / "labels" / "val" / f"{name}.txt").write_text("")
    assert files.opened(root).report.problems == ()


def test_labels_may_lie_beside_their_images(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    expected = files.opened(root)
    (root / "images" / "val").rename(root / "val")
    for file in (root / "labels" / "val").iterdir():
        file.rename(root / "val" / file.name)
    found = files.opened(root, format="yolo")
    for first, second in zip(expected.samples, found.samples, strict=True):
        np.testing.assert_array_equal(first.boxes, second.boxes)


def test_a_folder_is_read_with_all_below_it_and_no_image_twice(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "images" / "val" / "below").mkdir()
    (root / "images" / "val" / "one.png").rename(root / "images" / "val" / "below" / "one.png")
    (root / "images" / "val" / "notes.md").write_text("")
    dataset = files.opened(root, val=("images/val/below", "images/val"))
    assert [sample.path.name for sample in dataset.samples] == ["one.png", "three.png", "two.png"]


@pytest.mark.parametrize("written", ["./images/val/{}.png", "images/val/{}.png", "{root}/images/val/{}.png"])
def test_paths_of_a_list_are_found(files, tmp_path, written):
    root = files.write_yolo(tmp_path / "set")
    lines = [written.format(name, root=root) for name in files.sizes]
    (root / "list.txt").write_text("\ufeff" + "\n".join(lines) + "\n\n", encoding="utf-8")
    dataset = files.opened(root, val="list.txt")
    assert [sample.path.stem for sample in dataset.samples] == list(files.sizes) and dataset.report.boxes == 4


def test_paths_of_a_list_may_count_from_its_own_folder_or_the_current_one(files, tmp_path, monkeypatch):
    root = files.write_yolo(tmp_path / "set")
    (root / "images" / "list.txt").write_text("val/one.png\n")
    assert len(files.opened(root, val="images/list.txt")) == 1
    (root / "list.txt").write_text("set/images/val/one.png\n")
    assert "lie elsewhere than it says" in files.opened(root, val="list.txt").report.summary()
    monkeypatch.chdir(tmp_path)
    assert files.opened(root, val="list.txt").report.problems == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"images/val/one.png\nimages/val/four.png\n", "1 of 2 image files are missing: .*four.png"),
        (b"\n", "lists no images"),
        (b"\xff\xfe\xff", "not readable as a list of images"),
    ],
)
def test_what_a_list_gets_wrong_is_named(files, tmp_path, content, message):
    root = files.write_yolo(tmp_path)
    (root / "list.txt").write_bytes(content)
    with pytest.raises(UserError, match=rf"list\.txt: {message}"):
        files.opened(root, val="list.txt")


def test_a_split_that_is_not_there_is_named(files, tmp_path):
    root = files.write_yolo(tmp_path)
    with pytest.raises(
        UserError, match=r"no test split \(yolo\): looked for folders and lists called test, testing; there is: "
    ):
        files.opened(root, "test")
    with pytest.raises(UserError, match="nothing: neither a folder of images nor a list of them"):
        files.opened(root, val="nothing")
    (root / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images in this folder"):
        files.opened(root, val="empty")


def test_names_come_from_the_one_file_beside_the_images(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "classes.txt").rename(root / "my.names")
    assert files.opened(root).names == files.names
    (root / "classes.txt").write_text("a\nb\nc\n")
    assert files.opened(root).names == ("a", "b", "c")
    (root / "classes.txt").unlink()
    (root / "other.names").write_text("a\nb\nc\n")
    with pytest.raises(UserError, match=r"the classes have no names: .*; write data\.names='\[first, second\]'"):
        files.opened(root)
    assert files.opened(root, names=("x", "y", "z")).names == ("x", "y", "z")


def test_outlines_become_the_boxes_around_them_and_are_counted(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").write_text("1 0.25 0.25 0.5 0.25 0.5 0.75 0.3 0.6\n2 0.5 0.5 0.5 0.5\n")
    dataset = files.opened(root)
    assert dataset.samples[0].boxes.tolist() == [[16, 12, 32, 36], [16, 12, 48, 36]]
    assert dataset.samples[0].labels.tolist() == [1, 2]
    assert dataset.report.problems == (
        "1 image without a label file, taken as without objects: two.png",
        "1 outline taken as the box around it",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/home/me/set/images/val", True),
        ("../val", False),  # images/val is not meant by it: who knows
        ("../images", True),
        ("../valid/images", False),  # images alone could be that of any split
        ("/home/me/images", False),
    ],
)
def test_the_end_of_a_path_that_was_written_elsewhere_must_say_which_split(files, tmp_path, text, found):
    root = files.write_yolo(tmp_path)
    if found:
        assert len(files.opened(root, val=text)) == 3
    else:
        with pytest.raises(
            UserError, match=r"neither a folder of images nor a list of them; in .* there is: images/val/"
        ):
            files.opened(root, val=text)


def test_what_leads_out_of_the_tree_means_what_lies_in_it(files, tmp_path):
    root = files.write_yolo(tmp_path / "set", split="train")
    files.write_yolo(tmp_path / "images" / "other")  # somebody else's, beside it
    (tmp_path / "images" / "train").mkdir()
    dataset = files.opened(root, "train", train="../images/train")
    assert all(sample.path.is_relative_to(root) for sample in dataset.samples) and len(dataset) == 3
