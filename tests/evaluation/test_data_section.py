"""Which data is meant: what is named, what a Darknet project names, what the model was trained with, none."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.evaluation.data_section import data_section_of, named_data
from yolov3.formats.model import LoadedModel
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning


@pytest.fixture
def model() -> LoadedModel:
    return LoadedModel(YOLOv3(variant="yolov3-tiny", num_classes=3, width=0.0625), ModelMeaning(), source="a.pt")


def trained(model: LoadedModel, **data: str | float) -> LoadedModel:
    return LoadedModel(model.network, model.meaning, {"data": data}, model.source)


def test_a_project_that_is_given_for_its_weights_names_its_data():
    assert named_data(None, "obj.data") == "obj.data" and named_data(None, Path("OBJ.DATA")) == Path("OBJ.DATA")
    assert named_data(None, "best.pt") is None and named_data("mine", "obj.data") == "mine"


def test_what_is_named_goes_before_what_the_model_was_trained_with(model, files, tmp_path):
    mine, other = files.write_yolo(tmp_path / "mine"), files.write_yolo(tmp_path / "other")
    assert data_section_of(trained(model, root=str(other)), mine, ()).root == str(mine)
    assert data_section_of(trained(model, root=str(other)), None, ()).root == str(other)


def test_changes_are_laid_over_both(model, files, tmp_path):
    root = str(files.write_yolo(tmp_path / "mine"))
    for named, of_training in ((root, model), (None, trained(model, root=root))):
        section = data_section_of(of_training, named, ["data.format=yolo"])
        assert (section.root, section.format) == (root, "yolo")
    assert data_section_of(model, None, [f"data.root={root}"]).root == root


def test_none_where_nobody_says_any(model):
    assert data_section_of(model, None, ()) is None
    assert data_section_of(trained(model), None, ()) is None


def test_what_is_named_must_be_there(model):
    with pytest.raises(UserError, match="nowhere"):
        data_section_of(model, "nowhere", ())


def test_other_data_are_looked_at_in_tiles_as_those_of_the_training_were(model, files, tmp_path):
    root = str(files.write_yolo(tmp_path / "mine"))
    tiled = trained(model, root="elsewhere", tiles="2x2", tile_overlap=0.3)
    section = data_section_of(tiled, root, ())
    assert (section.root, section.tiles, section.tile_overlap) == (root, "2x2", 0.3)
    assert data_section_of(tiled, root, ["data.tiles=null"]).tiles is None
    assert data_section_of(tiled, root, ["data.tiles=64"]).tiles == "64"
    assert data_section_of(model, root, ()).tiles is None
