"""A folder per class becomes images with labels."""

from __future__ import annotations

import pytest

from yolov3.datasets.class_folders import read_class_folders
from yolov3.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Two classes with three images, one of them deeper, and files that are none."""
    for name in ("zebra/2.jpg", "zebra/1.PNG", "ant/deeper/3.webp", "ant/notes.md", "readme.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "ant" / "folder.jpg").mkdir()
    return tmp_path


def test_classes_are_the_folders_in_alphabetical_order(folder):
    data = read_class_folders(folder)
    assert data.names == ("ant", "zebra") and len(data) == 3
    assert [path.relative_to(folder).as_posix() for path in data.paths] == [
        "ant/deeper/3.webp",
        "zebra/1.PNG",
        "zebra/2.jpg",
    ]
    assert data.labels == (0, 1, 1)


def test_given_classes_decide_the_labels_and_may_be_more(folder):
    data = read_class_folders(folder, names=("zebra", "cow", "ant"))
    assert data.names == ("zebra", "cow", "ant") and data.labels == (2, 0, 0)


def test_a_folder_that_is_no_known_class_is_refused(folder):
    with pytest.raises(UserError, match=r"class folders that the training data does not have: ant$"):
        read_class_folders(folder, names=("zebra",))


def test_no_folder_and_no_image_are_told(tmp_path):
    with pytest.raises(UserError, match="nowhere: the folder does not exist"):
        read_class_folders(tmp_path / "nowhere")
    (tmp_path / "a").mkdir()
    (tmp_path / "1.jpg").write_text("")
    with pytest.raises(UserError, match=r"no images in class folders \(expected .*/CLASS/\*\.jpg\)"):
        read_class_folders(tmp_path)
