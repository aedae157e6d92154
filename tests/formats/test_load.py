"""A model from a file of any kind, by its ending or its known name."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.load import FACTS, LOADERS, load_files, load_model, open_model
from yolov3.formats.model import ExportedModel, LoadedModel
from yolov3.formats.model_files import EXPORTED_SUFFIXES, MODEL_SUFFIXES, ModelFiles
from yolov3.formats.safetensors_file import save_safetensors
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_file import write_onnx
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Level, ModelMeaning, Preprocessing, Suppression

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


@pytest.mark.parametrize(
    ("name", "ending"),
    [("model.xyz", ".xyz"), ("model.pt2", ".pt2"), ("model", "no ending"), ("net.conv.74", ".74")],
)
def test_other_endings_are_refused_with_those_that_are_known(tmp_path, name, ending):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as caught:
        load_model(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name}: weights must be one of .pt, .safetensors, .weights, .backup, .onnx, .xml, found {ending}"
    )


@pytest.mark.parametrize("name", ["none.pt", "none.weights", "none"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(UserError) as caught:
        load_model(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: no such weights file"


def test_all_kinds_of_files_are_looked_for():
    assert set(MODEL_SUFFIXES) == {*LOADERS, *FACTS}
    assert set(EXPORTED_SUFFIXES) == set(FACTS) and not set(LOADERS) & set(FACTS)


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


# ---- exported graphs ----


@pytest.fixture
def facts() -> GraphFacts:
    """What a graph says of itself."""
    return GraphFacts(MEANING, (Level(32, ((10.0, 14.0),)),), 2, "tiny, 64x96 stretch", source="a.pt")


@pytest.fixture
def graph(tmp_path, facts) -> Path:
    """A file of an exported graph; what it would compute plays no part here."""
    make = onnx.helper.make_tensor_value_info
    ends = make("images", onnx.TensorProto.FLOAT, [1]), make("same", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["images"], ["same"])
    path = tmp_path / "graph" / "g.onnx"
    path.parent.mkdir()
    write_onnx(path, onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:])), facts)
    return path


def test_an_exported_graph_is_opened_with_what_it_says_of_itself(graph, facts):
    capitals = graph.with_name("h.ONNX")
    capitals.write_bytes(graph.read_bytes())
    for path in (graph, capitals):
        model = open_model(path)
        assert isinstance(model, ExportedModel) and model.path == path
        assert (model.facts, model.meaning, model.description) == (facts, MEANING, "tiny, 64x96 stretch")


def test_a_folder_or_a_stem_means_its_graph_too(graph):
    for given in (graph.parent, graph.with_suffix("")):
        assert open_model(given).source == str(graph)


def test_weights_are_opened_as_they_are_loaded(folder):
    for suffix in LOADERS:
        model = open_model(folder / f"a{suffix}")
        assert isinstance(model, LoadedModel) and model.meaning == MEANING
    model = open_model(folder / "a.weights", cfg=folder / "a.cfg", names=folder / "a.names")
    assert isinstance(model, LoadedModel) and model.cfg is not None


@pytest.mark.parametrize("name", ["g.onnx", "x.xml"])
def test_a_graph_is_no_weights(graph, name):
    path = graph.with_name(name)
    if name == "x.xml":
        path.write_text("<net/>")
    for load in (load_model, lambda path: load_files(ModelFiles(path))):
        with pytest.raises(UserError) as caught:
            load(path)
        assert str(caught.value) == (
            f"{path}: an exported graph, which can detect and be evaluated and no more; give the weights that it was made of"
        )


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_a_graph_that_is_none_of_ours_is_told(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(UserError, match=rf"a\{suffix}: not exported by this program"):
        open_model(path)
    path.unlink()
    with pytest.raises(UserError, match=rf"a\{suffix}: no such weights file$"):
        open_model(path)


def test_graphs_have_no_files_of_darknet(graph):
    with pytest.raises(UserError, match=r"g\.onnx: --cfg and --names belong to Darknet's weights only$"):
        open_model(graph, cfg="a.cfg")
