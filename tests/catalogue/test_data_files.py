"""Data YAMLs and Darknet's ``.data``: ours strictly, those of others with what we know of them."""

from __future__ import annotations

import pytest

from yolov3.catalogue.data_files import find_data_file, read_data_file
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError


def test_unknown_keys_of_other_programs_are_told_and_passed_over(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text(
        "path: .\nvalid: v\nkpt_shape: [17, 3]\nroboflow: {project: x}\ndownload: rm -rf /\nnc: 1\nnames: [a]\n"
    )
    file = read_data_file(path)
    assert file.values == {"root": ".", "val": "v", "names": ["a"]}
    assert file.notes == (f"{path}: keys that mean nothing here are passed over: kpt_shape, roboflow",)


def test_unknown_keys_of_ours_stay_for_the_error(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text("root: .\nvalid: v\n")
    assert read_data_file(path).values == {"root": ".", "valid": "v"} and read_data_file(path).notes == ()


def test_a_count_of_classes_is_held_against_their_names(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text("nc: 3\ntrain: x\n")
    assert read_data_file(path).values == {"train": "x", "root": "."}
    path.write_text("nc: 3\nnames: {0: a, 1: b}\n")
    with pytest.raises(UserError, match="nc is 3, but there are 2 names"):
        read_data_file(path)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("data.yaml", "dataset.yaml"), "data.yaml"),
        (("dataset.yml",), "dataset.yml"),
        (("a.data",), "a.data"),
        (("a.data", "b.data"), None),
        (("a.data", "data.yaml"), "data.yaml"),
        (("other.yaml", "classes.txt"), None),
    ],
)
def test_the_file_in_a_folder_that_describes_it(tmp_path, names, found):
    for name in names:
        (tmp_path / name).write_text("")
    assert find_data_file(Tree(tmp_path)) == (tmp_path / found if found else None)


def test_a_file_in_the_folder_is_used_and_told_unless_parts_are_named(files, tmp_path):
    root = files.write_yolo(tmp_path)
    (root / "data.yaml").write_text("val: images/val\nnames: [x, y, z]\n")
    dataset = open_dataset(DataSection(root=str(root)), "val")
    assert dataset.names == ("x", "y", "z")
    assert dataset.report.problems[0] == f"{root / 'data.yaml'} says where its parts are"
    assert open_dataset(DataSection(root=str(root), val="images"), "val").names == files.names
    assert open_dataset(DataSection(root=str(root), names=files.names), "val").names == files.names


def test_darknets_file_beside_what_it_names(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    (root / "my.data").write_text("classes=3\nvalid = data/list.txt\nnames = data/classes.txt\n")
    (root / "list.txt").write_text("x/one.png\n")
    dataset = open_dataset(DataSection(file=str(root / "my.data")), "val")
    assert (dataset.names, len(dataset)) == (files.names, 1)
    (root / "my.data").write_text("classes=3\ntrain = data/gone.txt\nvalid = list.txt\nnames = classes.txt\n")
    data = DataSection(file=str(root / "my.data"))
    assert len(open_dataset(data, "val")) == 1
    with pytest.raises(
        UserError, match=r"set/data/gone\.txt: neither a folder of images nor a list of them; in .* there is"
    ):
        open_dataset(data, "train")
