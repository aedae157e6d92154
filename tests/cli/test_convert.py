"""``yolov3 convert`` carries a model over, proves that it is the same, and refuses what cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from yolov3 import load_model
from yolov3.cli import convert as command
from yolov3.cli import main
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.convert import ConvertOptions
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

MEANING = ModelMeaning(
    ("red", "green", "blue"), Preprocessing((64, 96), "stretch", "darknet"), Suppression("diou", 0.7)
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    network = YOLOv3(num_classes=3, variant="yolov3-tiny", width=1 / 16)
    path = tmp_path_factory.mktemp("model") / "model.pt"
    save_checkpoint(path, network, meaning=MEANING)
    return path


def test_to_darknet_and_back(checkpoint, tmp_path, capsys):
    weights, back = tmp_path / "x.weights", tmp_path / "back.pt"
    assert main(["convert", str(checkpoint), str(weights)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "yolov3-tiny x0.0625, 3 classes, 64x96 stretch"
    assert set(lines[1].removeprefix("written: ").split(", ")) == {
        str(tmp_path / f"x.{suffix}") for suffix in ("weights", "cfg", "names")
    }
    assert re.fullmatch(r"both models run on one image: largest difference 0 \(largest output \d.*\)", lines[2])
    assert main(["convert", str(weights), str(back)]) == 0
    assert load_model(back).meaning == MEANING


def test_files_beside_are_taken_or_named(checkpoint, tmp_path, capsys):
    assert main(["convert", str(checkpoint), str(tmp_path / "x.weights")]) == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "x.cfg").rename(elsewhere / "net.cfg")
    (tmp_path / "x.names").unlink()
    (elsewhere / "other.names").write_text("one\ntwo\nthree\n")
    new = tmp_path / "y.pt"
    words = ["convert", str(tmp_path / "x.weights"), str(new), "--fit", "letterbox"]
    assert main(words) == 2
    assert "x.weights: needs the .cfg of its network, and none lies beside it" in capsys.readouterr().err
    assert main([*words, "--cfg", str(elsewhere / "net.cfg"), "--names", str(elsewhere / "other.names")]) == 0
    model = load_model(new)
    assert model.names == ("one", "two", "three") and model.meaning.preprocessing.fit == "letterbox"


def test_both_models_are_run_on_the_image_that_is_named(checkpoint, tmp_path, capsys):
    (tmp_path / "no.jpg").write_bytes(b"no image")
    words = ["convert", str(checkpoint), str(tmp_path / "z.safetensors"), "--image", str(tmp_path / "no.jpg")]
    assert main(words) == 2
    assert f"{tmp_path / 'no.jpg'}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "target", "more", "message"),
    [
        ("model.pt", "x.onnx", [], "x.onnx: models are written as .pt, .safetensors, .weights, found .onnx"),
        ("model.pt", "x", [], "x: models are written as .pt, .safetensors, .weights, found no ending"),
        ("model.pt", "no/x.pt", [], "does not exist"),
        ("model.pt", "model.pt", [], "the source and the target are the same file"),
        ("none.pt", "y.pt", [], "none.pt: no such weights file"),
        ("model.pt", "y.pt", ["--fit", "stretch"], "--cfg, --names and --fit belong to Darknet's weights only"),
        ("model.pt", "y.pt", ["--cfg", "a.cfg"], "--cfg, --names and --fit belong to Darknet's weights only"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(checkpoint, tmp_path, capsys, source, target, more, message):
    (tmp_path / "model.pt").write_bytes(checkpoint.read_bytes())
    assert main(["convert", str(tmp_path / source), str(tmp_path / target), *more]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.startswith("yolov3: error: ") and err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt"}


def test_words_become_options(monkeypatch):
    given = []
    monkeypatch.setattr(command, "run", lambda options: given.append(options) or 0)
    words = "a.weights b.pt --cfg c.cfg --names d.names --fit stretch --image e.jpg"
    assert main(["convert", *words.split()]) == 0 and main(["convert", "a.pt", "b.pt"]) == 0
    paths = (Path("a.weights"), Path("b.pt"), Path("c.cfg"), Path("d.names"))
    assert given == [ConvertOptions(*paths, "stretch", Path("e.jpg")), ConvertOptions(Path("a.pt"), Path("b.pt"))]
