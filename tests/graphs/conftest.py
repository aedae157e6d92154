"""What the tests of graphs share: a tiny network, what its graphs say of themselves, and such graphs, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from yolov3.darknet.cfg_to_plan import graph_from_text
from yolov3.graphs.facts import GraphFacts
from yolov3.models.contract import DetectionNetwork
from yolov3.structures import ModelMeaning, Preprocessing


@pytest.fixture(scope="session")
def fill() -> Callable[..., Any]:
    """Gives all weights and statistics of a network random values, as a training might have left them, and puts it in
    evaluation mode. In a deep network with shortcuts a ``gain`` of 1 keeps them from growing layer by layer."""

    def filled(network: nn.Module, seed: int = 0, *, gain: float = 2.0) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for part in network.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.running_mean.normal_(std=0.1, generator=generator)
                    part.running_var.uniform_(0.5, 1.5, generator=generator)
                    part.weight.uniform_(0.8, 1.2, generator=generator)
                    part.bias.normal_(std=0.1, generator=generator)
                elif isinstance(part, nn.Conv2d):
                    part.weight.normal_(std=(gain / part.weight[0].numel()) ** 0.5, generator=generator)
                    if part.bias is not None:
                        part.bias.normal_(std=0.3, generator=generator)
        return network.eval()

    return filled


@pytest.fixture(scope="session")
def micro(fill, micro_cfg) -> DetectionNetwork:
    """The tiny network; nobody changes it."""
    return fill(graph_from_text(micro_cfg))


@pytest.fixture(scope="session")
def facts_of() -> Callable[..., GraphFacts]:
    """What a graph of a network says of itself; ``size`` is its input's, the rest are fields of the facts."""

    def facts(network: DetectionNetwork, size: tuple[int, int] = (96, 64), **changes: Any) -> GraphFacts:
        meaning = ModelMeaning(("cat", "dog"), Preprocessing(size))
        values = {"description": "tiny", "made_with": f"yolov3 0.0, torch {torch.__version__}", **changes}
        return GraphFacts(meaning, tuple(network.levels), network.num_classes, **values)

    return facts


@pytest.fixture(scope="session")
def micro_graph(micro, facts_of) -> tuple[bytes, GraphFacts]:
    """The graph of the tiny network and what it says of itself."""
    from yolov3.graphs.onnx_graph import onnx_of

    facts = facts_of(micro)
    return onnx_of(micro, facts).SerializeToString(), facts


@pytest.fixture
def written_onnx(micro_graph, tmp_path) -> Path:
    """An ONNX file of ours."""
    import onnx

    from yolov3.graphs.onnx_file import write_onnx

    content, facts = micro_graph
    write_onnx(tmp_path / "micro.onnx", onnx.ModelProto.FromString(content), facts)
    return tmp_path / "micro.onnx"


@pytest.fixture
def written_openvino(micro_graph, tmp_path) -> Path:
    """OpenVINO's two files of ours; the ``.xml``."""
    from yolov3.graphs.openvino_file import write_openvino
    from yolov3.machine.extras import require_extra

    content, facts = micro_graph
    write_openvino(tmp_path / "micro.xml", require_extra("openvino", "this test").Core().read_model(content), facts)
    return tmp_path / "micro.xml"
