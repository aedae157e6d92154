"""A small model file and real images and videos for the tests of the inference."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.shapes.dataset import write_shapes_dataset, write_shapes_video

FRAMES, RATE = 13, 12.5


@pytest.fixture(scope="session")
def weights(tmp_path_factory, write_seeing_model) -> Path:
    """An untrained model that sees things everywhere."""
    return write_seeing_model(tmp_path_factory.mktemp("model") / "tiny.pt", width=0.125)


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """A folder with five generated images."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    return write_shapes_dataset(folder, train=0, val=0, unseen=5, seed=1) / "unseen"


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> Path:
    """A generated video."""
    return write_shapes_video(tmp_path_factory.mktemp("video") / "shapes.mp4", frames=FRAMES, fps=RATE, seed=1)
