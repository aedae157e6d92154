"""The benchmark measures what training does, and says of what."""

from __future__ import annotations

import pytest

from yolov3.cli import main
from yolov3.config.loading import build_experiment
from yolov3.training.benchmark import PASSES, STEP, benchmark

SMALL = {"variant": "yolov3-tiny", "width": 0.125, "image_size": 64}


def test_speeds_and_overhead_belong_together():
    said: list[str] = []
    train = {"batch_size": 4, "precision": "float32", "accumulate": 2, "device": "cpu"}
    experiment = build_experiment({"model": SMALL, "train": train}, "the test")
    result = benchmark(experiment, num_classes=3, rounds=3, say=said.append)
    by_name = {speed.name: speed for speed in result.speeds}
    assert len(said) == 4 and list(by_name) == ["network forward", PASSES, STEP]
    assert by_name[PASSES].operations == 3 * by_name["network forward"].operations > 0
    assert all(speed.images == 4 and speed.seconds > 0 for speed in result.speeds)
    assert result.description.startswith("yolov3-tiny x0.125, 3 classes, 64x64 letterbox on cpu in float32")


def test_the_command_prints_a_table(capsys):
    words = ["model.variant=yolov3-tiny", "model.width=0.125", "model.image_size=64", "train.batch_size=2"]
    assert main(["benchmark", *words, "--rounds", "1"]) == 0
    output = capsys.readouterr().out
    assert output.count("\n|") == 5 and "times the bare forward and backward pass" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--rounds", "0"], "--rounds and --num-classes must be at least 1"), (["train.epoch=1"], "unknown key")],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert main(["benchmark", *words]) == 2
    assert message in capsys.readouterr().err
