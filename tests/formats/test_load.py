"""A model from a file of any kind, by its ending or its known name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.load import LOADERS, is_darknet, load_model, weights_path
from yolov3.formats.model import LoadedModel
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
    for read in (load_model, weights_path):
        with pytest.raises(UserError) as caught:
            read(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: no such weights file"


def test_a_folder_is_no_model(tmp_path):
    for suffix in LOADERS:
        (tmp_path / f"x{suffix}").mkdir()
        with pytest.raises(UserError, match=rf"x\{suffix}: "):
            load_model(tmp_path / f"x{suffix}")


def test_a_bare_name_means_known_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"yolov3-tiny is not there yet; fetch it with: yolov3 download yolov3-tiny"):
        weights_path("yolov3-tiny")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "yolov3-tiny.weights").write_bytes(b"x")
    (tmp_path / "weights" / "darknet53.conv.74").write_bytes(b"x")
    assert weights_path("yolov3-tiny") == Path("weights/yolov3-tiny.weights")
    assert weights_path("darknet53") == Path("weights/darknet53.conv.74")
    with pytest.raises(UserError, match="coco2017: no such weights file"):
        weights_path("coco2017")
    (tmp_path / "yolov3").write_bytes(b"x")  # a file of that name comes first
    assert weights_path("yolov3") == Path("yolov3")


@pytest.mark.parametrize(
    ("name", "darknet"),
    [
        ("a.weights", True),
        ("a.backup", True),
        ("A.WEIGHTS", True),
        ("darknet53.conv.74", True),
        ("a", True),
        ("a.pt", False),
        ("a.PT", False),
        ("a.safetensors", False),
    ],
)
def test_which_files_are_darknets(name, darknet):
    assert is_darknet(Path(name)) is darknet
