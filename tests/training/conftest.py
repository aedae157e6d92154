"""What the tests of training share: small data, small settings, and what proves that two runs are the same."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.training.classification import ClassifierChanges

SMALL: dict[str, dict[str, Any]] = {
    "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
    "augment": {"mosaic": 0.5, "mixup": 0.3, "close_mosaic": 1},
    "optimiser": {"warmup_epochs": 1.0},
    "train": {
        "epochs": 3, "batch_size": 8, "workers": 0, "ema": 0.9, "evaluate_every": 2, "multi_scale": [64, 128],
        "multi_scale_every": 1, "device": "cpu", "precision": "float32",
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twenty generated images to train on, six to measure with."""
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=20, val=6, unseen=0, seed=2)


@pytest.fixture(scope="session")
def settings_of(data) -> Callable[..., dict[str, Any]]:
    """A function of the folder that runs go into and of changes by section: plain settings of three steps an epoch, with
    everything random that there is."""

    def of(output: Path, **changes: dict[str, Any]) -> dict[str, Any]:
        values = copy.deepcopy({"data": {"root": str(data)}, **SMALL})
        values["train"]["output"] = str(output)
        for section, keys in changes.items():
            values.setdefault(section, {}).update(keys)
        return values

    return of


@pytest.fixture(scope="session")
def experiment_of(settings_of) -> Callable[..., Experiment]:
    """As ``settings_of``, checked."""
    return lambda output, **changes: build_experiment(settings_of(output, **changes), "the test")


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory) -> Path:
    """Noise that is red or blue, in folders of classes: 24 images to train on, 8 to measure with."""
    root, generator = tmp_path_factory.mktemp("classes"), np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for name, channel in (("red", 2), ("blue", 0)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                image = generator.integers(0, 90, (40, 50, 3), dtype=np.uint8)
                image[..., channel] += 150
                cv2.imwrite(str(root / split / name / f"{number}.jpg"), image)
    return root


@pytest.fixture(scope="session")
def classifier_of(class_folders) -> Callable[..., ClassifierChanges]:
    """A function of the folder that runs go into and of other changes: the options of a small classifier."""

    def of(output: Path, **changes: Any) -> ClassifierChanges:
        options: Any = {
            "data": str(class_folders), "width": 0.0625, "side": 32, "batch_size": 8, "workers": 0, "epochs": 2,
            "learning_rate": 0.01, "device": "cpu", "precision": "float32", "output": str(output), "name": "run",
        }  # fmt: skip
        return {**options, **changes}

    return of


@pytest.fixture(scope="session")
def fingerprint() -> Callable[[Path], tuple[str, str]]:
    """A function of a run's folder: the sha256 of all that its last checkpoint holds of the run (weights, average,
    optimiser, random state, position), and its csv."""

    def of(run: Path) -> tuple[str, str]:
        digest = hashlib.sha256()

        def add(value) -> None:
            if isinstance(value, torch.Tensor):
                digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
            elif isinstance(value, dict):
                for key, item in value.items():
                    digest.update(str(key).encode())
                    add(item)
            elif isinstance(value, list | tuple):
                for item in value:
                    add(item)
            else:
                digest.update(repr(value).encode())

        content = read_checkpoint(run / "weights" / "last.pt")
        add({"weights": content["weights"], "training": content["training"]})
        return digest.hexdigest(), (run / "results.csv").read_text()

    return of
