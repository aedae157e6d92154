"""What the tests of runtimes share: a tiny network, images, and graphs of it in files, each made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from yolov3.darknet.cfg_to_plan import graph_from_text
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_file import write_onnx
from yolov3.graphs.onnx_graph import onnx_of
from yolov3.graphs.openvino_file import write_openvino
from yolov3.machine.extras import require_extra
from yolov3.models.contract import DetectionNetwork
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.shapes.scene import draw_image
from yolov3.structures import ModelMeaning, Preprocessing

MEANING = ModelMeaning(("cat", "dog"), Preprocessing((96, 64)))


@pytest.fixture(autouse=True)
def cache(own_cache) -> Path:
    """Where graphs are kept during a test."""
    return own_cache


@pytest.fixture(scope="session")
def micro(micro_cfg) -> DetectionNetwork:
    """A tiny network whose numbers say something; nobody changes them."""
    network = graph_from_text(micro_cfg)
    assert isinstance(network, DetectionNetwork)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(std=0.1, generator=generator)
                part.running_var.uniform_(0.5, 1.5, generator=generator)
            elif isinstance(part, nn.Conv2d):
                part.weight.normal_(std=(2 / part.weight[0].numel()) ** 0.5, generator=generator)
                if part.bias is not None:
                    part.bias.normal_(std=0.3, generator=generator)
    return network.eval()


@pytest.fixture(scope="session")
def facts_of(micro) -> Callable[..., GraphFacts]:
    """What a graph of the tiny network says of itself, with these fields."""

    def facts(**changes: Any) -> GraphFacts:
        values = {"meaning": MEANING, "levels": tuple(micro.levels), "num_classes": 2, "description": "tiny", **changes}
        return GraphFacts(**values)

    return facts


@pytest.fixture(scope="session")
def exported(micro, facts_of) -> Callable[..., tuple[bytes, GraphFacts]]:
    """The content of an ONNX graph of the tiny network and what it says of itself, with these fields."""
    made: dict[str, bytes] = {}

    def export(**changes: Any) -> tuple[bytes, GraphFacts]:
        facts = facts_of(**changes)
        if facts.as_text() not in made:
            made[facts.as_text()] = onnx_of(micro, facts).SerializeToString()
        return made[facts.as_text()], facts

    return export


@pytest.fixture
def written(exported, tmp_path) -> Callable[..., Path]:
    """Writes a graph of the tiny network to a file of this name, with what it says of itself."""

    def write(name: str, **changes: Any) -> Path:
        content, facts = exported(**changes)
        path = tmp_path / name
        if path.suffix == ".onnx":
            write_onnx(path, onnx.ModelProto.FromString(content), facts)
        else:
            openvino: Any = require_extra("openvino", "this test")
            write_openvino(path, openvino.Core().read_model(content), facts)
        return path

    return write


@pytest.fixture(scope="session")
def images() -> Tensor:
    """Three generated images that fit the tiny network, uint8."""
    drawn = [draw_image(np.random.default_rng(number), (96, 64)).image for number in range(3)]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2)


@pytest.fixture(scope="session")
def assert_the_same(dense) -> Callable[..., None]:
    """Whether two predictions say the same: boxes, and scores of all classes (some graphs give these alone)."""

    def compare(first: Any, second: Any, *, score: float = 1e-5, box: float = 1e-3) -> None:
        (boxes, objectness, classes), (other_boxes, other_objectness, other_classes) = dense(first), dense(second)
        torch.testing.assert_close(boxes, other_boxes, rtol=0, atol=box)
        scores, other_scores = objectness[..., None] * classes, other_objectness[..., None] * other_classes
        torch.testing.assert_close(scores, other_scores, rtol=0, atol=score)

    return compare


@pytest.fixture(scope="session")
def by_torch(micro) -> TorchRuntime:
    """The tiny network computed by PyTorch."""
    return TorchRuntime(micro, torch.device("cpu"))
