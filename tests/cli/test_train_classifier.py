"""``yolov3 train-classifier``: a classifier from class folders, on from where it was stopped, and what starts from it."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3 import load_model
from yolov3.cli import main
from yolov3.cli import train_classifier as command
from yolov3.cli.train_classifier import ClassifierWords
from yolov3.files.strict_yaml import read_yaml
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.processes.interruption import Interrupted


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """Noise that is red or blue."""
    root, generator = tmp_path_factory.mktemp("classes"), np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for name, channel in (("red", 2), ("blue", 0)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                image = generator.integers(0, 90, (40, 50, 3), dtype=np.uint8)
                image[..., channel] += 150
                cv2.imwrite(str(root / split / name / f"{number}.jpg"), image)
    return root


SETTINGS = [
    "--width", "0.0625", "--imgsz", "32", "--batch-size", "8", "--workers", "0", "--lr", "0.01", "--device", "cpu",
]  # fmt: skip


def test_it_learns_goes_on_and_starts_a_detector(folders, tmp_path, capsys):
    words = ["train-classifier", str(folders), *SETTINGS, "--output", str(tmp_path), "--name", "c"]
    assert main([*words, "--epochs", "8"]) == 0
    output = capsys.readouterr().out
    assert "epoch 8/8" in output and "24 training and 8 validation images of 2 classes" in output
    run, best = tmp_path / "c", tmp_path / "c" / "weights" / "best.pt"
    assert main(["train-classifier", "--resume", str(run), "--epochs", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("epoch 9/10") for line in lines)
    assert not any(line.startswith("epoch 8/10") for line in lines)
    assert lines[-2:] == [
        f"best top-1 1.0000; weights: {best}",
        f"start a detector from it: yolov3 train CONFIG train.weights={best}",
    ]
    rows = list(csv.DictReader((run / "results.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == list(map(str, range(1, 11))) and load_model(best).names == ("blue", "red")
    assert main(["detect", "--weights", str(best), "--source", str(folders / "val" / "red")]) == 2
    assert "is no detector" in capsys.readouterr().err


def test_words_become_options_and_the_rest_has_its_defaults(folders, tmp_path):
    words = ["train-classifier", str(folders), *SETTINGS, "--output", str(tmp_path), "--epochs", "1", "--seed", "3"]
    assert main(words) == 0
    options = read_yaml(tmp_path / folders.name / "config.yaml")["classifier"]
    assert options == {
        "data": str(folders), "width": 0.0625, "side": 32, "epochs": 1, "batch_size": 8, "learning_rate": 0.01,
        "weight_decay": 0.0005, "warmup_epochs": 1.0, "workers": 0, "seed": 3, "device": "cpu", "precision": "auto",
        "output": str(tmp_path), "name": None,
    }  # fmt: skip


def test_what_is_not_said_is_not_given(monkeypatch):
    """So that a run that goes on keeps its own."""
    given = []
    monkeypatch.setattr(command, "run", lambda words: given.append(words) or 0)
    assert main(["train-classifier", "--resume", "runs/c", "--epochs", "12"]) == 0
    assert main(["train-classifier", "a", "--resume", "runs/c"]) == 0
    assert main(["train-classifier", "b", "--img-size", "64", "--name", "n"]) == 0
    assert given == [
        ClassifierWords({"epochs": 12}, Path("runs/c")),
        ClassifierWords({"data": "a"}, Path("runs/c")),
        ClassifierWords({"data": "b", "side": 64, "name": "n"}, None),
    ]


def test_a_stopped_run_says_how_it_goes_on(folders, tmp_path):
    words = [sys.executable, "-m", "yolov3", "train-classifier", str(folders), *SETTINGS, "--epochs", "60"]
    with subprocess.Popen(
        [*words, "--output", str(tmp_path), "--name", "c"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("epoch 2/60"):
                time.sleep(0.02)
                process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    advice = f"stopped by SIGTERM; everything is saved, go on with: yolov3 train-classifier --resume {tmp_path}/c\n"
    assert said[-1] == advice
    way_on = advice.split("yolov3 ")[1].split()
    stopped = read_checkpoint(tmp_path / "c" / "weights" / "last.pt")["training"]["progress"]["epoch"]
    assert 2 <= stopped < 60
    assert main([*way_on, "--epochs", str(stopped + 2)]) == 0
    rows = (tmp_path / "c" / "results.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", *map(str, range(1, stopped + 3))]


def test_the_exit_code_is_that_of_the_signal(monkeypatch, capsys):
    from yolov3.training import classification

    def stopped(**options: object) -> None:
        raise Interrupted(signal.SIGINT, Path("runs/classifier/c"))

    monkeypatch.setattr(classification, "train_classifier", stopped)
    assert main(["train-classifier", "x"]) == 130
    assert "go on with: yolov3 train-classifier --resume runs/classifier/c" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "train: the folder does not exist"),
        (lambda root: (root / "train" / "a").mkdir(parents=True), "no images in class folders"),
    ],
)
def test_mistakes_in_the_folders_are_named(tmp_path, capsys, make, message):
    make(tmp_path)
    assert main(["train-classifier", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give the folder of the images, or --resume RUN"),
        (["--epochs", "3"], "give the folder of the images, or --resume RUN"),
        (["DATA", "--imgsz", "33"], "the side of the input must be a multiple of 32, found 33"),
        (
            ["DATA", "--epochs", "0"],
            "train-classifier: --epochs: found '0'; must be a whole number from 1 to 1000000; "
            "see yolov3 train-classifier --help",
        ),
        (["DATA", "--device", "tpu"], "device 'tpu' is not known; use auto, cpu, cuda or cuda:N"),
        (["--resume", "/nowhere"], "/nowhere: no such weights file"),
    ],
)
def test_mistakes_are_one_line(folders, tmp_path, capsys, words, message):
    given = [str(folders) if word == "DATA" else word for word in words]
    assert main(["train-classifier", *given]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == f"yolov3: error: {message}\n"


def test_unknown_classes_in_the_validation_data(folders, tmp_path, capsys):
    (tmp_path / "train").symlink_to(folders / "train")
    (tmp_path / "val" / "green").mkdir(parents=True)
    assert main(["train-classifier", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "class folders that the training data does not have: green" in capsys.readouterr().err
