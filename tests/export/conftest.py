"""A small model that sees things everywhere, a data set for it, and no cache but the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset
from yolov3.structures import ModelMeaning, Preprocessing

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    network = YOLOv3(num_classes=len(CLASSES), variant="yolov3-tiny", width=0.0625)
    for head in network.heads:
        torch.nn.init.normal_(head.predict.weight, std=0.6)
        torch.nn.init.normal_(head.predict.bias, std=0.6)
    path = tmp_path_factory.mktemp("model") / "tiny.pt"
    save_checkpoint(path, network, meaning=ModelMeaning(CLASSES, Preprocessing(size=(96, 128))))
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twelve generated images for training, four for validation."""
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=12, val=4, unseen=0, seed=1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
