"""``yolov3 benchmark`` prints its table."""

from __future__ import annotations

import json
import re

import pytest

from yolov3.cli import main

SMALL = ["model.variant=yolov3-tiny", "model.width=0.125", "model.image_size=64", "train.batch_size=2"]


def test_the_command_prints_a_table(capsys):
    assert main(["benchmark", *SMALL, "train.device=cpu", "--rounds", "1", "--num-classes", "3"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("yolov3-tiny x0.125, 3 classes, 64x64 letterbox on cpu in ")
    lines = output.splitlines()
    assert lines[1] == "| batches of 2 | ms per image | images/s | TFLOP/s |" and output.count("\n|") == 5
    for name, line in zip(("network forward", "network forward and backward", "training step"), lines[3:6]):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == name and float(cells[1]) * float(cells[2]) == pytest.approx(1000, rel=0.05)
    assert re.fullmatch(r"the training step takes \d+\.\d\d times the bare forward and backward pass", lines[-1])


def test_json_is_for_programs(capsys):
    assert main(["benchmark", *SMALL, "train.device=cpu", "--rounds", "1", "--num-classes", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["description"].startswith("yolov3-tiny x0.125, 3 classes") and answer["overhead"] > 0
    names = [speed["name"] for speed in answer["speeds"]]
    assert names == ["network forward", "network forward and backward", "training step"]
    assert all(speed["seconds"] > 0 and speed["images"] == 2 and speed["operations"] > 0 for speed in answer["speeds"])


def test_an_experiment_file_is_measured(tmp_path, capsys):
    config = tmp_path / "experiment.yaml"
    config.write_text("model: {variant: yolov3-tiny, width: 0.125, image_size: 96}\ntrain: {batch_size: 2}\n")
    assert main(["benchmark", str(config), "train.device=cpu", "model.image_size=64", "--rounds", "1"]) == 0
    assert capsys.readouterr().out.startswith("yolov3-tiny x0.125, 80 classes, 64x64 letterbox on cpu in ")


def test_the_classes_are_those_of_the_data(files, tmp_path, capsys):
    root = files.write_yolo(tmp_path, split="train")
    assert main(["benchmark", *SMALL, "--data", str(root), "train.device=cpu", "--rounds", "1"]) == 0
    assert capsys.readouterr().out.startswith("yolov3-tiny x0.125, 3 classes, ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "0"], "--rounds: found '0'; must be a whole number from 1"),
        (["--num-classes", "0"], "--num-classes: found '0'; must be a whole number from 1"),
        (["train.epoch=1"], "unknown key train.epoch"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert main(["benchmark", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.startswith("yolov3: error: ") and err.count("\n") == 1
