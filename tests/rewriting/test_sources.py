"""Which images are divided: all of a data set that is not, those of the named split of one that is."""

from __future__ import annotations

import pytest

from yolov3.catalogue.naming import named_section
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError
from yolov3.rewriting.sources import find_undivided, is_json


def test_a_name_and_changes(worlds, tmp_path):
    root = worlds.write("voc", tmp_path / "x", 4)
    section = named_section(root, ("data.one_based=false",))
    assert (section.root, section.one_based) == (str(root), False)
    with pytest.raises(UserError, match=r"only data\.key=value is understood here"):
        named_section(root, ("train.epochs=3",))


def test_one_json_is_not_a_data_set(worlds, tmp_path):
    root = worlds.write("coco", tmp_path / "x", 4)
    assert is_json(root / "annotations" / "instances_default.json") and not is_json(root)
    (tmp_path / "odd.json").mkdir()
    assert not is_json(tmp_path / "odd.json")


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_all_images_of_what_is_not_divided(worlds, tmp_path, kind):
    root = worlds.write(kind, tmp_path / "x", 7)
    # What an experiment says of a division of its own is no concern here.
    found, everything = find_undivided(DataSection(root=str(root), val_share=0.5, overfit=2), None)
    assert len(everything) == 7 and found.data.val is None and found.data.train is not None


def test_a_divided_data_set_needs_a_word(files, tmp_path):
    for split in ("train", "val"):
        files.write_coco(tmp_path / split, split=split)
    root = tmp_path / "train"
    (tmp_path / "val" / "annotations" / "instances_val.json").rename(root / "annotations" / "instances_val.json")
    (tmp_path / "val" / "images" / "val").rename(root / "images" / "val")
    with pytest.raises(
        UserError, match=r"is divided already: train is annotations/instances_train\.json, val is .*--of"
    ):
        find_undivided(DataSection(root=str(root)), None)
    found, dataset = find_undivided(DataSection(root=str(root), val_images="images/val"), "val")
    assert {sample.path.parent.name for sample in dataset.samples} == {"val"}
    assert (found.data.train, found.data.train_images) == ("annotations/instances_val.json", "images/val")
    with pytest.raises(UserError, match="no test split"):
        find_undivided(DataSection(root=str(root)), "test")
