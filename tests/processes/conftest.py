"""What the tests of several processes share: a small data set, an experiment on it, and torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="session")
def train_script() -> Path:
    """The program that torchrun is given."""
    return Path(__file__).resolve().parents[2] / "scripts" / "train.py"


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=16, val=7, unseen=0, seed=4)


@pytest.fixture
def experiment(data, tmp_path) -> Callable[..., Path]:
    """A function that writes an experiment of two short epochs, called together.yaml, into ``tmp_path``."""

    def write(**train) -> Path:
        path = tmp_path / "together.yaml"
        settings = {
            "data": {"root": str(data)},
            "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
            "train": {
                "epochs": 2, "batch_size": 8, "workers": 0, "evaluate_every": 2, "output": str(tmp_path / "runs"),
                "precision": "float32", "device": "cpu", "ema": 0.5, **train,
            },
        }  # fmt: skip
        path.write_text(yaml.safe_dump(settings))
        return path

    return write


@pytest.fixture(scope="session")
def one_thread() -> dict[str, str]:
    """The environment of a process that leaves room for others."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def torchrun(one_thread) -> Callable[..., subprocess.CompletedProcess]:
    """A function that runs a program by torchrun, with so many processes, to its end."""

    def run(*arguments: object, processes: int = 2) -> subprocess.CompletedProcess:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command = [*start, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=one_thread, timeout=240)

    return run
