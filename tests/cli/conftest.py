"""A small model file and real images and videos for the tests through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset, write_shapes_video
from yolov3.structures import ModelMeaning, Preprocessing

FRAMES, RATE = 13, 12.5


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """An untrained model that sees things everywhere."""
    torch.manual_seed(0)
    network = YOLOv3(num_classes=len(CLASSES), variant="yolov3-tiny", width=0.125)
    for head in network.heads:
        torch.nn.init.normal_(head.predict.weight, std=0.6)
        torch.nn.init.normal_(head.predict.bias, std=0.6)
    path = tmp_path_factory.mktemp("model") / "tiny.pt"
    save_checkpoint(path, network, meaning=ModelMeaning(CLASSES, Preprocessing(size=(96, 128))))
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """A folder with five generated images."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    return write_shapes_dataset(folder, train=0, val=0, unseen=5, seed=1) / "unseen"


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> Path:
    """A generated video."""
    return write_shapes_video(tmp_path_factory.mktemp("video") / "shapes.mp4", frames=FRAMES, fps=RATE, seed=1)
