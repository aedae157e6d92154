"""``yolov3 demo`` tells what it does and what there is to look at (a short one; the full one takes minutes)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from yolov3 import demo as module
from yolov3.cli import demo as command
from yolov3.cli import main
from yolov3.processes.interruption import Interrupted


def test_a_short_demo(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "VAL_IMAGES", 8)
    monkeypatch.setattr(module, "VIDEO_FRAMES", 15)
    assert main(["demo", "--output", str(tmp_path), "--images", "16", "--epochs", "1", "--seed", "1"]) == 0
    output = capsys.readouterr().out
    assert "1  Making 24 images" in output and "for 1 epoch\n" in output
    assert "Average Precision" in output
    folder = tmp_path / "demo"
    assert len(list((folder / "images").glob("*.jpg"))) == 12
    capture = cv2.VideoCapture(str(folder / "video" / "shapes.mp4"))
    frames = 0
    while capture.read()[0]:
        frames += 1
    assert frames == 15
    for name in ("train/results.csv", "train/weights/best.pt", "evaluate/metrics.json", "evaluate/predictions.json"):
        assert (folder / name).is_file()
    named = re.findall(r"^  (/\S+)", output.partition("Look at")[2], re.MULTILINE)
    assert len(named) == 5 and all(Path(name).exists() for name in named)


@pytest.mark.parametrize("drawn", [True, False])
def test_what_is_named_to_look_at_is_there(tmp_path, monkeypatch, capsys, drawn):
    """A training that was broken off before its first epoch's end has no curves."""
    place = tmp_path / "there"
    place.mkdir()
    if drawn:
        (place / "curves.png").touch()
    shown = module.DemoResult(place, place / "a.mp4", place, place / "metrics.json", None)
    monkeypatch.setattr(module, "demo", lambda options: shown)
    assert main(["demo"]) == 0
    assert ("curves.png" in capsys.readouterr().out) is drawn


@pytest.mark.parametrize("words", [["--images", "0"], ["--epochs", "0"]])
def test_numbers_that_cannot_be_are_refused(words, tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path / "runs"), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"yolov3: error: demo: {words[0]}: found '0'; must be a whole number from 1 to ")
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_words_become_options(monkeypatch):
    given = []
    monkeypatch.setattr(command, "run", lambda options: given.append(options) or 0)
    assert main(["demo"]) == 0
    assert main(["demo", "--output", "there", "--images", "5", "--epochs", "2", "--seed", "7"]) == 0
    assert given == [module.DemoOptions(), module.DemoOptions(Path("there"), 2, 5, 7)]


def test_a_stopped_demo_says_how_its_training_goes_on(monkeypatch, capsys):
    def stopped(options: module.DemoOptions) -> None:
        raise Interrupted(15, Path("runs/demo/train"))

    monkeypatch.setattr(module, "demo", stopped)
    assert main(["demo"]) == 143
    assert capsys.readouterr().out == (
        "stopped by SIGTERM; everything is saved, go on with: yolov3 train --resume runs/demo/train\n"
    )


@pytest.mark.slow
def test_the_demo_reaches_its_mark(tmp_path):
    assert main(["demo", "--output", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "demo" / "evaluate" / "metrics.json").read_text())["coco"]["AP50"] >= 0.9
