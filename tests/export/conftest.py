"""A small model that sees things everywhere, a data set for it, and no cache but the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.shapes.dataset import write_shapes_dataset

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.fixture(scope="session")
def weights(tmp_path_factory, write_seeing_model) -> Path:
    """An untrained model that sees things everywhere."""
    return write_seeing_model(tmp_path_factory.mktemp("model") / "tiny.pt", width=0.0625)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twelve generated images for training, four for validation."""
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=12, val=4, unseen=0, seed=1)


@pytest.fixture(autouse=True)
def cache(own_cache) -> Path:
    """Where graphs are kept during a test."""
    return own_cache
