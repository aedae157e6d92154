"""A small experiment whose steps are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Forty generated images to train on."""
    return write_shapes_dataset(tmp_path_factory.mktemp("costs") / "shapes", train=40, val=4, unseen=0, seed=2)


@pytest.fixture
def experiment_of(folder, tmp_path):
    """A function of changes by section: the experiment, whose output would lie in the test's folder."""

    def of(**changes: dict[str, Any]) -> Experiment:
        values: dict[str, dict[str, Any]] = {
            "data": {"root": str(folder)},
            "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
            "train": {
                "batch_size": 8, "workers": 0, "device": "cpu", "precision": "float32", "multi_scale": [64, 160],
                "multi_scale_every": 1, "output": str(tmp_path / "runs"),
            },
        }  # fmt: skip
        for section, keys in changes.items():
            values.setdefault(section, {}).update(keys)
        return build_experiment(values, "the test")

    return of
