"""A model from a file of any kind, by its ending or its known name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.load import LOADERS, load_files, load_model
from yolov3.formats.model import LoadedModel
from yolov3.formats.model_files import MODEL_SUFFIXES, ModelFiles
from yolov3.formats.safetensors_file import save_safetensors
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

MEANING = ModelMeaning(("a", "b"), Preprocessing((64, 96), "stretch", "darknet"), Suppression("diou", 0.7))


@pytest.fixture
def folder(tmp_path, fill) -> Path:
    """One model in every kind of file."""
    network = fill(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625))
    save_checkpoint(tmp_path / "a.pt", network, meaning=MEANING)
    save_safetensors(tmp_path / "a.safetensors", LoadedModel(network, MEANING))
    save_darknet(network, tmp_path / "a.weights", meaning=MEANING)
    (tmp_path / "a.backup").write_bytes((tmp_path / "a.weights").read_bytes())
    return tmp_path


def test_every_kind_of_file_gives_the_same_model(folder):
    models = [load_model(folder / f"a{suffix}") for suffix in LOADERS]
    assert len(models) == 4
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        outputs = [model.detector()(images) for model in models]
    for model, output in zip(models, outputs):
        assert model.meaning == MEANING
        assert not model.network.training
        assert all(torch.equal(found, first) for found, first in zip(output, outputs[0], strict=True))


def test_endings_may_be_in_capitals(folder):
    for suffix in (".pt", ".safetensors"):
        (folder / f"a{suffix}").rename(folder / f"b{suffix.upper()}")
        assert load_model(folder / f"b{suffix.upper()}").names == ("a", "b")


def test_a_model_is_put_where_it_is_wanted(folder):
    network = load_model(str(folder / "a.pt"), device="meta").network
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}


@pytest.mark.parametrize(("name", "ending"), [("model.xyz", ".xyz"), ("model", "no ending"), ("net.conv.74", ".74")])
def test_other_endings_are_refused_with_those_that_are_known(tmp_path, name, ending):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as caught:
        load_model(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name}: weights must be one of .pt, .safetensors, .weights, .backup, found {ending}"
    )


@pytest.mark.parametrize("name", ["none.pt", "none.weights", "none"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(UserError) as caught:
        load_model(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: no such weights file"


def test_all_kinds_of_files_are_looked_for():
    assert set(MODEL_SUFFIXES) == set(LOADERS)


def test_what_a_run_folder_or_a_stem_means_is_loaded(folder):
    (folder / "run" / "weights").mkdir(parents=True)
    (folder / "a.pt").rename(folder / "run" / "weights" / "best.pt")
    (folder / "backup").mkdir()
    for name in ("a.weights", "a.cfg", "a.names"):
        (folder / name).rename(folder / "backup" / name.replace(".weights", "_900.weights"))
    for given in ("run", "backup/a", "backup"):
        assert load_model(folder / given).meaning == MEANING


def test_a_darknet_project_is_loaded_by_its_data_file(folder):
    for place in ("backup", "cfg", "data"):
        (folder / place).mkdir()
    (folder / "a.weights").rename(folder / "backup" / "yolo_final.weights")
    (folder / "a.cfg").rename(folder / "cfg" / "yolo.cfg")
    (folder / "a.names").unlink()
    (folder / "data" / "of_mine.names").write_text("one\ntwo\n")
    data = folder / "data" / "mine.data"
    data.write_text("classes=2\nnames=data/of_mine.names\nbackup=backup\n")
    model = load_model(data)
    assert model.names == ("one", "two") and model.meaning.preprocessing == MEANING.preprocessing
    assert model.cfg is not None and Path(model.cfg).resolve() == folder / "cfg" / "yolo.cfg"


def test_the_cfg_and_the_names_may_be_given(folder):
    (folder / "a.cfg").rename(folder / "other.cfg")
    (folder / "a.names").unlink()
    (folder / "mine.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match=r"a\.weights: needs the \.cfg of its network, and none lies beside it"):
        load_model(folder / "a.weights")
    model = load_model(folder / "a.weights", cfg=folder / "other.cfg", names=str(folder / "mine.txt"))
    assert model.names == ("one", "two")
    assert load_files(ModelFiles(folder / "a.weights", folder / "other.cfg"), fit="letterbox").names == ()


def test_a_folder_is_no_model(tmp_path):
    for suffix in LOADERS:
        (tmp_path / f"x{suffix}").mkdir()
        with pytest.raises(UserError, match=rf"x\{suffix}: "):
            load_model(tmp_path / f"x{suffix}")
