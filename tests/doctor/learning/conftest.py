"""Generated images to be learnt by heart."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated images."""
    return write_shapes_dataset(tmp_path_factory.mktemp("doctor") / "shapes", train=12, val=1, unseen=0, seed=2)
