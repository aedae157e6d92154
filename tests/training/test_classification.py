"""A classifier learns from class folders, and a detector starts from its backbone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolov3 import load_model
from yolov3.cli import main
from yolov3.config.experiment import ModelSection
from yolov3.formats.build import Start, begin, build_detector, open_start, settle


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


def test_it_learns_stops_goes_on_and_starts_a_detector(folders, tmp_path, capsys):
    settings = ["--width", "0.0625", "--imgsz", "32", "--batch-size", "8", "--workers", "0", "--lr", "0.01"]
    settings += ["--output", str(tmp_path), "--device", "cpu"]
    assert main(["train-classifier", str(folders), "--epochs", "10", *settings, "--name", "c"]) == 0
    output = capsys.readouterr().out
    assert "epoch 10/10" in output and "24 training and 8 validation pictures of 2 classes" in output
    run = tmp_path / "c"
    assert main(["train-classifier", str(folders), "--epochs", "12", *settings, "--resume", str(run)]) == 0
    output = capsys.readouterr().out
    assert "epoch 11/12" in output and "epoch 10/12" not in output and "best top-1 1.0000" in output
    classifier = load_model(run / "best.pt")
    assert classifier.names == ("blue", "red")
    detector = build_detector(ModelSection(width=0.0625), num_classes=3)
    report = start_from(detector, run / "best.pt", ("a", "b", "c"))
    own, given = detector.state_dict(), classifier.network.state_dict()
    assert all(torch.equal(own[name], given[name]) for name in given if name.startswith("backbone."))
    assert "backbone" in str(report) and "classes that start anew: a, b, c" in str(report)
    assert main(["detect", "--weights", str(run / "best.pt"), "--source", str(folders)]) == 2
    assert "is no detector" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "train: the folder does not exist"),
        (lambda root: (root / "train" / "a").mkdir(parents=True), "no pictures in class folders"),
    ],
)
def test_mistakes_are_named(tmp_path, capsys, make, message):
    make(tmp_path)
    assert main(["train-classifier", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_unknown_classes_in_the_validation_data(folders, tmp_path, capsys):
    (tmp_path / "train").symlink_to(folders / "train")
    (tmp_path / "val" / "green").mkdir(parents=True)
    assert main(["train-classifier", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "class folders that the training data does not have: green" in capsys.readouterr().err
