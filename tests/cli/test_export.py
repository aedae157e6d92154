"""``yolov3 export`` writes, proves and says so; its exit code is the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yolov3.cli import main
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / "small.pt"
    network = YOLOv3(num_classes=3, variant="yolov3-tiny", width=0.0625)
    save_checkpoint(path, network, meaning=ModelMeaning(("cat", "dog", "bird"), Preprocessing((64, 64))))
    return path


def test_an_export_is_told_in_lines(weights, tmp_path, capsys):
    assert main(["export", str(weights), "--output", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    text = " ".join(line.strip() for line in lines)
    assert f"written: {tmp_path}/out/small: small.onnx" in text and "verdict: passed: differs by at most" in text
    assert (tmp_path / "out" / "small" / "export.json").is_file()
    assert main(["export", str(weights), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "small-2").is_dir()


def test_labelled_images_are_measured(weights, files, tmp_path, capsys):
    data = files.write_yolo(tmp_path / "data")
    words = ["--check", str(data), "--nms", "--json", "--output", str(tmp_path / "out"), "--name", "mine"]
    assert main(["export", str(weights), *words]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["files"] == ["small.onnx"] and answer["proof"]["verdict"] == "passed"
    assert answer["proof"]["precisions"]["images"] == 3 and answer["suppressed"]["confidence"] == 0.25
    assert json.loads((tmp_path / "out" / "mine" / "export.json").read_text()) == answer


def test_a_graph_that_does_not_hold_ends_with_1(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("yolov3.export.proof.SCORE_LIMIT", -1.0)
    assert main(["export", str(weights), "--output", str(tmp_path / "out")]) == 1
    assert "verdict: FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--precision", "bfloat16"], "--to onnx is written in float32, float16, int8, found bfloat16"),
        (["--nms", "--outputs", "raw"], "--nms needs boxes"),
        (["--imgsz", "1", "2", "3"], "--imgsz takes a side, or height and width, found 3 numbers"),
        (["--imgsz", "65"], "multiples of 32"),
        (["--precision", "int8"], "give them with --calibrate DATA"),
        (["--check", "nowhere"], "nowhere"),
        (["--max-drop", "101"], "export: --max-drop: found '101'; must be a number from 0 to 100"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(words, message, weights, tmp_path, capsys):
    if "int8" in words:
        pytest.importorskip("nncf", reason="the extra openvino is not installed")
    assert main(["export", str(weights), "--output", str(tmp_path / "out"), *words]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert message in err and not (tmp_path / "out").exists()


def test_a_missing_file_is_told(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.pt")]) == 2
    assert "none.pt" in capsys.readouterr().err
