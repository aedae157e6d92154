"""``yolov3 benchmark detect`` prints its table, and the benchmark of learning is still there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yolov3.cli import SECOND_WORDS, main, parser_of
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing


@pytest.fixture
def weights(tmp_path, own_cache) -> Path:
    network = YOLOv3(num_classes=3, variant="yolov3-tiny", width=0.0625)
    save_checkpoint(tmp_path / "a.pt", network, meaning=ModelMeaning(("a", "b", "c"), Preprocessing((64, 64))))
    return tmp_path / "a.pt"


def test_the_command_prints_a_table(weights, capsys):
    assert main(["benchmark", "detect", "--weights", str(weights), "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("yolov3-tiny x0.0625, 3 classes, 64x64 letterbox")
    table = [line for line in lines if line.startswith("|")]
    assert table[0].startswith("|") and "network" in table[0] and "a.pt torch float32" in table[2]
    assert any(line.startswith("the peak is what products of matrices reach here") for line in lines)


def test_json_is_for_programs(weights, capsys):
    assert main(["benchmark", "detect", "--weights", str(weights), "--rounds", "1", "--imgsz", "96", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"][0]["model"] == "a.pt" and answer["rates"]["float32"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--weights", "none.pt"], "none.pt"),
        ([], "--weights"),
        (["--weights", "WEIGHTS", "--rounds", "0"], "--rounds: found '0'; must be a whole number from 1"),
        (["--weights", "WEIGHTS", "--imgsz", "1", "2", "3"], "--imgsz takes a side"),
    ],
)
def test_mistakes_are_told(words, message, weights, capsys):
    words = [str(weights) if word == "WEIGHTS" else word for word in words]
    assert main(["benchmark", "detect", *words]) == 2
    assert message in capsys.readouterr().err


def test_two_words_are_a_command_of_their_own():
    assert SECOND_WORDS == {"benchmark": {"detect": "yolov3.cli.measuring.benchmark_detect"}}
    assert "benchmark detect" in parser_of("benchmark detect").prog
    assert "--num-classes" in parser_of("benchmark").format_help()
