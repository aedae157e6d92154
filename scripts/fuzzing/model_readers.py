"""Readers of models: checkpoints, safetensors, Darknet's weights, exported graphs; and the networks that files describe."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from fuzzing.containers import change_safetensors, change_sealed, change_torch
from fuzzing.mutations import change_bytes, change_text, change_tree
from fuzzing.reader import MIB, Reader
from fuzzing.text_readers import small_cfg

ROOM = 128 * MIB


def _model(**more: Any) -> Any:
    """A tiny detector."""
    import torch

    from yolov3.darknet.cfg_to_plan import graph_from_text
    from yolov3.formats.model import LoadedModel
    from yolov3.structures import ModelMeaning, Preprocessing

    torch.manual_seed(0)
    network = graph_from_text(small_cfg().decode()).eval()
    return LoadedModel(
        network, ModelMeaning(("cat", "dog"), Preprocessing((96, 64))), source="tiny", description="tiny", **more
    )


def _content(model: Any, training: dict[str, Any] | None = None) -> dict[str, Any]:
    from yolov3.formats.checkpoint import checkpoint_content

    experiment = {"train": {"epochs": 3}, "data": {"root": "data", "names": ["cat", "dog"]}}
    return checkpoint_content(model.network, meaning=model.meaning, experiment=experiment, training=training)


def _saved(content: dict[str, Any]) -> bytes:
    import torch

    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def _change_checkpoint(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """A checkpoint whose content is another, or what torch made of it."""
    if chance.random() < 0.5:
        return change_torch(chance, seeds)
    import torch

    content = torch.load(io.BytesIO(chance.choice(seeds)), weights_only=True)
    return _saved(change_tree(chance, content))


def _checkpoints(_: Path) -> list[bytes]:

    from yolov3.models.yolov3 import YOLOv3
    from yolov3.structures import ModelMeaning, Preprocessing

    ours = YOLOv3(num_classes=2, variant="yolov3-tiny", width=0.02)
    from yolov3.formats.checkpoint import checkpoint_content

    content = checkpoint_content(ours, meaning=ModelMeaning(("cat", "dog"), Preprocessing((96, 64))))
    return [_saved(_content(_model())), _saved(content)]


def _classifiers(_: Path) -> list[bytes]:
    from yolov3.formats.checkpoint import checkpoint_content
    from yolov3.models.classifier import Darknet53Classifier
    from yolov3.structures import ModelMeaning, Preprocessing

    network = Darknet53Classifier(num_classes=2, width=0.02)
    return [
        _saved(
            checkpoint_content(
                network,
                meaning=ModelMeaning(("a", "b"), Preprocessing((64, 64))),
                experiment={"classifier": {"data": "x"}},
            )
        )
    ]


def _read_model(path: Path) -> None:
    from yolov3.errors import UserError
    from yolov3.formats.load import load_model

    model = load_model(path)
    with contextlib.suppress(UserError):  # a classifier
        _ = model.levels
    for name in model.names:
        name.encode()


def _state() -> Any:
    """That of a run which begins."""
    import torch

    from yolov3.config.experiment import TrainSection
    from yolov3.config.learning import OptimiserSection
    from yolov3.training.place import Place
    from yolov3.training.run import make_state

    place = Place(torch.device("cpu"), torch.float32)
    return make_state(_model().network, TrainSection(ema=0.9), OptimiserSection(momentum=0.5), place, num_terms=3)


def _step(state: Any) -> None:
    for parameter in state.network.parameters():
        parameter.grad = parameter.detach() * 0.01
    state.optimiser.step()
    state.average.update(state.network)
    state.progress.step += 1
    state.progress.add_losses([1.0, 2.0, 3.0])


def _stopped_runs(_: Path) -> list[bytes]:
    from yolov3.journal.rows import DetectionRow

    state = _state()
    _step(state)
    state.progress.history.append(DetectionRow(1, 3.0, 2.0, 1.0, 0.25, 0.125, None, 0.001, 2))
    return [_saved({**_content(_model(), state.as_plain()), "weights": state.judged.state_dict()})]


def _read_stopped_run(path: Path) -> None:
    from yolov3.formats.checkpoint import read_checkpoint
    from yolov3.journal.rows import DetectionRow

    state = _state()
    state.restore(read_checkpoint(path), path, DetectionRow)
    state.progress.next_epoch()
    _step(state)
    state.progress.mean_losses()
    state.as_plain()


def _read_graph(path: Path) -> None:
    from yolov3.formats.load import open_model

    model = open_model(path)
    for name in model.names:
        name.encode()


def _digests(folder: Path) -> list[bytes]:
    data = _saved(_content(_model()))
    (folder / "x.pt").write_bytes(data)
    return [f"{hashlib.sha256(data).hexdigest()}  x.pt\n".encode()]


def _read_beside(path: Path) -> None:
    from yolov3.formats.load import load_model

    load_model(path.with_suffix(""))


def _safetensors(folder: Path) -> list[bytes]:
    from yolov3.formats.safetensors_file import save_safetensors

    save_safetensors(folder / "seed.safetensors", _model())
    return [(folder / "seed.safetensors").read_bytes()]


def _weights(folder: Path) -> list[bytes]:
    from yolov3.formats.darknet_weights import write_weights

    (folder / "x.cfg").write_bytes(small_cfg())
    write_weights(folder / "seed.weights", _model().network)
    return [(folder / "seed.weights").read_bytes()]


def _cfgs(folder: Path) -> list[bytes]:
    (folder / "x.weights").write_bytes(_weights(folder)[0])
    return [small_cfg()]


def _read_cfg_model(path: Path) -> None:
    from yolov3.formats.load import load_model

    load_model(path.with_suffix(".weights"))


def _read_network(path: Path) -> None:
    import torch

    from yolov3.darknet.cfg_to_plan import load_graph

    with torch.device("meta"):
        load_graph(path)


def _facts() -> Any:
    from yolov3.graphs.facts import GraphFacts

    model = _model()
    return GraphFacts(model.meaning, tuple(model.network.levels), 2, "tiny", made_with="yolov3 0.0, torch 2")


def _onnx(folder: Path) -> list[bytes]:
    from yolov3.graphs.onnx_file import write_onnx
    from yolov3.graphs.onnx_graph import onnx_of

    write_onnx(folder / "seed.onnx", onnx_of(_model().network, _facts()), _facts())
    return [(folder / "seed.onnx").read_bytes()]


def _openvino(folder: Path) -> list[bytes]:
    import openvino

    from yolov3.graphs.onnx_graph import onnx_of
    from yolov3.graphs.openvino_file import write_openvino

    graph = openvino.convert_model(_onnx_path(folder, onnx_of(_model().network, _facts())))
    write_openvino(folder / "x.xml", graph, _facts())
    return [(folder / "x.xml").read_bytes()]


def _onnx_path(folder: Path, graph: Any) -> str:
    path = folder / "plain.onnx"
    path.write_bytes(graph.SerializeToString())
    return str(path)


def _installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


READERS = [
    Reader("checkpoint", "x.pt", _checkpoints, _read_model, _change_checkpoint, ROOM, 20),
    Reader("classifier", "x.pt", _classifiers, _read_model, _change_checkpoint, ROOM, 20),
    Reader("stopped-run", "last.pt", _stopped_runs, _read_stopped_run, _change_checkpoint, ROOM, 20),
    Reader("checkpoint-digest", "x.pt.sha256", _digests, _read_beside, change_text, ROOM),
    Reader("safetensors", "x.safetensors", _safetensors, _read_model, change_safetensors, ROOM, 20),
    Reader("weights", "x.weights", _weights, _read_model, change_bytes, ROOM, 20),
    Reader("weights-cfg", "x.cfg", _cfgs, _read_cfg_model, change_text, ROOM),
    Reader("network", "x.cfg", lambda _: [small_cfg()], _read_network, change_text, ROOM),
    *(
        [Reader("onnx", "x.onnx", _onnx, _read_graph, change_sealed, ROOM, 20)]
        if _installed("onnx", "onnxscript")
        else []
    ),
    *(
        [Reader("openvino", "x.xml", _openvino, _read_graph, change_sealed, ROOM, 20)]
        if _installed("onnx", "onnxscript", "openvino")
        else []
    ),
]
