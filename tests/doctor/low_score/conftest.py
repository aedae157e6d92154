"""What the tests of the doctor share: a small network that knows its twelve generated images by heart, the released
yolov3-tiny, and ways to spoil a model or data."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.config.loading import build_experiment
from yolov3.datasets.dataset import Dataset
from yolov3.formats.load import load_model
from yolov3.formats.model import LoadedModel
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.structures import Level, Sample
from yolov3.training.train import train

SETTINGS: dict[str, Any] = {
    "model": {
        "variant": "yolov3-tiny", "width": 0.25, "image_size": 128,
        "anchors": [[[35, 37], [43, 44], [55, 54]], [[21, 26], [26, 21], [28, 29]]],
    },
    "augment": {"flip": 0, "hue": 0, "saturation": 1, "exposure": 1, "jitter": 0, "translate": 0},
    "optimiser": {"learning_rate": 0.004, "weight_decay": 0},
    "train": {
        "epochs": 100, "batch_size": 8, "workers": 0, "ema": 0.9, "evaluate_every": 100, "checkpoint_epochs": 100,
        "device": "cpu", "precision": "float32", "norm_momentum": 0.1, "multi_scale": None,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated images."""
    return write_shapes_dataset(tmp_path_factory.mktemp("doctor") / "shapes", train=12, val=1, unseen=0, seed=2)


@pytest.fixture(scope="session")
def data(folder: Path) -> Dataset:
    """They, opened."""
    return open_dataset(DataSection(root=str(folder)), "train")


@pytest.fixture(scope="session")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A small network that has learnt them by heart. Not to be changed."""
    settings = copy.deepcopy({"data": {"root": str(folder), "overfit": 12}, **SETTINGS})
    settings["train"]["output"] = str(tmp_path_factory.mktemp("runs"))
    return load_model(train(build_experiment(settings, "the test"), name="learnt").last)


@pytest.fixture(scope="session")
def spoilt() -> Callable[..., LoadedModel]:
    """A copy of a model, spoilt by a function of its network; ``levels`` by one of the level, ``fitting`` its input."""

    def spoil(
        model: LoadedModel,
        change: Callable[[nn.Module], object] | None = None,
        *,
        levels: Callable[[Level], Level] | None = None,
        **fitting: Any,
    ) -> LoadedModel:
        network = copy.deepcopy(model.detector())
        if change is not None:
            change(network)
        if levels is not None:
            network.levels = tuple(map(levels, network.levels))
        preprocessing = replace(model.meaning.preprocessing, **fitting)
        return replace(model, network=network, meaning=replace(model.meaning, preprocessing=preprocessing))

    return spoil


@pytest.fixture(scope="session")
def relabelled() -> Callable[[Dataset, Callable[[Sample], tuple[np.ndarray, np.ndarray]]], Dataset]:
    """The same images with other boxes and labels, of which those are left that a loader would keep."""

    def relabel(data: Dataset, change: Callable[[Sample], tuple[np.ndarray, np.ndarray]]) -> Dataset:
        def changed(sample: Sample) -> Sample:
            boxes, labels = change(sample)
            kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (labels >= 0) & (labels < len(data.names))
            boxes = boxes[kept].astype(np.float32)
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
            return replace(sample, boxes=boxes, labels=labels[kept], ignore=sample.ignore[kept], areas=areas)

        return replace(data, samples=tuple(map(changed, data.samples)))

    return relabel


@pytest.fixture(scope="session")
def tiny(shared: Path) -> LoadedModel:
    """The released yolov3-tiny as the loader repairs it. Not to be changed."""
    return load_model(shared / "darknet/official/yolov3-tiny.weights")


@pytest.fixture(scope="session")
def coco(shared: Path) -> Dataset:
    """Eighty images of COCO."""
    return open_dataset(DataSection(root=str(shared / "datasets/coco-tiny")), "val")
