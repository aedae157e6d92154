"""The images that a list names, found."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.datasets.image_lists import find_lost, images_below, images_in, locate_images, read_image_list
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError


@pytest.fixture
def root(tmp_path) -> Path:
    for name in ("images/a.jpg", "images/b.png", "other/c.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text("")
    return tmp_path / "set"


def test_a_list_is_counted_from_the_first_place_that_has_its_first_image(root):
    located = locate_images(["a.jpg", "b.png"], [root, root / "images"], Tree(root), named_by="list.txt")
    assert located.paths == [root / "images" / "a.jpg", root / "images" / "b.png"] and located.notes == ()


def test_what_is_not_there_is_found_by_its_name_and_told(root):
    located = locate_images(["images/a.jpg", "images/c.jpg"], [root], Tree(root), named_by="list.txt")
    assert located.paths == [root / "images" / "a.jpg", root / "other" / "c.jpg"]
    assert located.notes == ("list.txt: 1 of 2 images lie elsewhere than it says; they were found by their names",)


def test_what_is_nowhere_is_told_with_what_is_there(root):
    with pytest.raises(UserError) as error:
        locate_images(["images/a.jpg", *(f"{n}.jpg" for n in range(7))], [root], Tree(root), named_by="list.txt")
    assert str(error.value) == (
        f"list.txt: 7 of 8 image files are missing: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2 more; looked for from {root} "
        f"on and by their names; in {root} there is: images/ (1 jpg, 1 png), other/ (1 jpg)"
    )


def test_a_path_may_be_unknown_from_the_start(root):
    located = find_lost([None, root / "images" / "a.jpg"], ["../c.jpg", "a.jpg"], Tree(root), named_by="x", looked="y")
    assert located.paths == [root / "other" / "c.jpg", root / "images" / "a.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n \n", r"list\.txt: lists no images"),
        ("a\0b\n", r"list\.txt:1: a file name cannot contain a NUL"),
        ("a 1\nb -1\n", r"list\.txt:1: a list of one class \(name and 1, 0 or -1\), not of a split"),
        ("x" * 5000, "1 of 1 image files are missing"),
    ],
)
def test_lists_that_are_none_are_refused(root, text, message):
    (root / "list.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        read_image_list(root / "list.txt", Tree(root))


def test_a_list_of_names_with_and_without_suffix(root):
    (root / "list.txt").write_text("a\n'b.png'\n  c.jpg  \n")
    assert [path.name for path in read_image_list(root / "list.txt", Tree(root)).paths] == ["a.jpg", "b.png", "c.jpg"]


def test_the_images_of_a_folder(root):
    assert [path.name for path in images_below(root)] == ["a.jpg", "b.png", "c.jpg"]
    (root / "images" / "b.JPG").write_text("")
    assert images_in(root / "images") == {"a": root / "images" / "a.jpg", "b": root / "images" / "b.JPG"}
    (root / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no images in this folder; there is: nothing"):
        images_below(root / "empty")
