"""A data set's folder: looked into when asked, whatever the case of its names, and never left."""

from __future__ import annotations

import pytest

from yolov3.datasets.tree import Tree, is_called


def make(root, *names: str) -> Tree:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return Tree(root)


def test_folders_are_found_whatever_their_case(tmp_path):
    tree = make(tmp_path, "ImageSets/Main/x.txt", "images/a.jpg")
    assert tree.folder("imagesets/main") == "ImageSets/Main"
    assert tree.folder("labels", "IMAGES") == "images"
    assert tree.folder("labels") is tree.folder("images/a.jpg") is tree.folder("images/b") is None


@pytest.mark.parametrize("name", ["train", "Train", "TRAIN", "train2017", "train_07", "train-1"])
def test_a_split_may_have_a_year(name):
    assert is_called(name, "train") and not is_called(name, "val")


@pytest.mark.parametrize("name", ["trainval", "training", "train20171", "my_train", "train.txt"])
def test_other_words_are_no_split(name):
    assert not is_called(name, "train")


def test_folders_files_and_images_below(tmp_path):
    tree = make(tmp_path, "x/train2014/a/b/c.JPG", "x/train2017/y.txt", "x/val/z.png", "n.txt", "m.XML")
    assert tree.folders_called("train", "x") == ["x/train2014", "x/train2017"] and tree.folders_called("train") == []
    assert tree.files() == ["m.XML", "n.txt"] and tree.files(".", ".xml") == ["m.XML"]
    assert tree.holds_images() and tree.holds_images("x/train2014") and not tree.holds_images("x/train2017")
    assert not tree.holds_images("nowhere")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.jpg", None),  # two of them
        ("train/a.jpg", "train/images/a.jpg"),  # no folder in common at its end, but no telling either
        ("images/a.jpg", None),
        ("train/images/a.jpg", "train/images/a.jpg"),
        ("/home/me/set/val/images/a.jpg", "val/images/a.jpg"),
        (r"C:\set\val\images\A.JPG", "val/images/a.jpg"),
        ("../../b.png", "val/images/b.png"),
        ("b", "val/images/b.png"),
        ("'b.png'", "val/images/b.png"),
        ("c.png", None),
        ("secret.jpg", None),
        ("../secret.jpg", None),
        ("", None),
        ("..", None),
        ("b\0.png", None),
    ],
)
def test_what_a_file_means_by_the_name_of_an_image(tmp_path, text, found):
    make(tmp_path, "secret.jpg")
    tree = make(tmp_path / "set", "train/images/a.jpg", "val/images/a.jpg", "val/images/b.png", "val/labels/b.txt")
    if text == "train/a.jpg":
        found = None
    assert tree.find_image(text) == (tmp_path / "set" / found if found else None)


def test_links_to_folders_outside_are_not_followed(tmp_path):
    make(tmp_path / "other", "d.jpg")
    tree = make(tmp_path / "set", "a.jpg")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "other")
    assert tree.find_image("d.jpg") is None


def test_what_is_there_in_a_line(tmp_path):
    assert Tree(tmp_path).describe() == "nothing"
    tree = make(tmp_path, "images/train/a.jpg", "images/train/b.jpg", "images/train/c.png", "labels/x/y/z.txt", "n.txt")
    (tmp_path / "void").mkdir()
    assert tree.describe() == "images/train/ (2 jpg, 1 png), labels/x/ (1 txt), n.txt, void/ (empty)"
    many = make(tmp_path / "many", *(f"{number}.txt" for number in range(20)))
    assert many.describe().endswith("15.txt and 12 more") and many.describe().count(",") == 7


def test_of_a_whole_disk_the_first_files_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("yolov3.datasets.tree.MOST_LOOKED_AT", 5)
    tree = make(tmp_path, *(f"{folder}/{number}.txt" for folder in "ab" for number in range(4)))
    assert tree.describe() == "a/ (4 txt), b/ (1 txt); more than 5 files"
