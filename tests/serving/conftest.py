"""A model behind HTTP, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

for _module in ("starlette", "uvicorn", "multipart", "prometheus_client", "httpx"):
    pytest.importorskip(_module, reason="the extra serve, or httpx, is not installed")


@pytest.fixture(scope="session")
def served_weights(tmp_path_factory: pytest.TempPathFactory, write_seeing_model: Callable[..., Path]) -> Path:
    """A small model that sees things everywhere."""
    return write_seeing_model(tmp_path_factory.mktemp("served") / "small.pt", width=0.0625)


@pytest.fixture(scope="session")
def make_jpeg() -> Callable[..., bytes]:
    """The bytes of a picture that no other number has."""

    def make(number: int = 0, width: int = 120, height: int = 90, kind: str = "JPEG") -> bytes:
        generator = np.random.default_rng(number)
        small = generator.integers(0, 256, (6, 8, 3), np.uint8)
        stream = io.BytesIO()
        Image.fromarray(small).resize((width, height)).save(stream, kind)
        return stream.getvalue()

    return make


@dataclass
class Running:
    """A server in a process of its own, at ``url``."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])


@pytest.fixture(scope="session")
def run_server(served_weights: Path) -> Callable[..., contextlib.AbstractContextManager[Running]]:
    """Starts the command; it is killed afterwards if it still runs."""

    @contextlib.contextmanager
    def run(*words: str, **environment: str) -> Iterator[Running]:
        command = [sys.executable, "-m", "yolov3", "serve", "--weights", str(served_weights), "--port", "0", *words]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            line = process.stdout.readline()
            try:
                if " at http" not in line:
                    raise AssertionError(f"it does not serve: {line}{process.communicate()[1]}")
                yield Running(process, line.rpartition(" at ")[2].strip())
            finally:
                process.kill()

    return run


@pytest.fixture(scope="session")
def make_service(served_weights: Path) -> Callable[..., Any]:
    """The application's parts in this process, without a socket; ``changes`` are fields of the options."""
    from yolov3.inference.detector import Detector
    from yolov3.serving.application import Service
    from yolov3.serving.batching import Batching
    from yolov3.serving.measures import Measures
    from yolov3.serving.options import ServeOptions

    detector = Detector(served_weights, device="cpu")

    def make(**changes: Any) -> Service:
        options = ServeOptions(served_weights, **changes)
        batching = Batching(
            lambda images, selection: detector.detect_batch(images, selection=selection),
            most=options.batch_size, places=options.queue, gather=options.gather,
        )  # fmt: skip
        return Service(detector, options, batching, Measures(lambda: batching.inside), "1.2.3")

    return make
