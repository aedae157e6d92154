"""What the tests of training share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from yolov3.formats.checkpoint import read_checkpoint


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
