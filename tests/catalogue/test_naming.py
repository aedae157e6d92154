"""From a person's words for data to a data section."""

from __future__ import annotations

import json

import pytest

from yolov3.catalogue.naming import beside_model, change_data, resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError


def test_a_json_beside_its_images_or_in_the_root(files, tmp_path):
    root = files.write_coco(tmp_path / "set")
    for place in ("set/annotations/instances_val.json", "set/images/val/mine.json", "set/result.json"):
        if not (tmp_path / place).exists():
            (tmp_path / place).write_text(json.dumps(files.coco_content()))
        dataset = open_dataset(resolve_data(tmp_path / place), "val")
        assert dataset.report.boxes == 4 and str(tmp_path / place) in dataset.source, root


def test_words_are_laid_over_data():
    base = DataSection(root="a", val="x", names=("cat",))
    changed = change_data(base, ["data.root=b", "data.val_share=0.25"])
    assert (changed.root, changed.val, changed.names, changed.val_share) == ("b", "x", ("cat",), 0.25)
    assert change_data(None, ["data.root=c"]) == DataSection(root="c") and change_data(base, []) == base


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("train.epochs=5", r"'train\.epochs=5': only data\.key=value is understood here"),
        ("root=x", r"'root=x': only data\.key=value"),
        ("data.rot=x", r"command line: unknown key data.rot \(did you mean data.root\?\)"),
        ("data.val_share=2", r"command line: data.val_share: found 2"),
    ],
)
def test_other_words_are_refused(word, message):
    with pytest.raises(UserError, match=message):
        change_data(None, [word])


def test_the_lists_of_a_run_are_those_above_its_model(tmp_path):
    data = DataSection(root="x", lists="/where/it/was")
    model = tmp_path / "weights" / "best.pt"
    assert beside_model(data, model) == data
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).write_text("a\n")
    assert beside_model(data, model).lists == str(tmp_path)
    assert beside_model(DataSection(root="x"), model).lists is None
