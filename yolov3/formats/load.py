"""A model from a file of any kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_checkpoint
from yolov3.formats.darknet_files import load_darknet
from yolov3.formats.model import ExportedModel, LoadedModel, Model
from yolov3.formats.model_files import ModelFiles, find_model
from yolov3.formats.safetensors_file import load_safetensors
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_file import read_onnx_facts
from yolov3.graphs.openvino_file import read_openvino_facts
from yolov3.structures import Fit

LOADERS: dict[str, Callable[[Path], LoadedModel]] = {
    ".pt": load_checkpoint,
    ".safetensors": load_safetensors,
    ".weights": load_darknet,
    ".backup": load_darknet,
}

FACTS: dict[str, Callable[[Path], GraphFacts]] = {".onnx": read_onnx_facts, ".xml": read_openvino_facts}
"""Exported graphs, by the endings of their files."""


def open_model(path: str | Path, *, cfg: str | Path | None = None, names: str | Path | None = None) -> Model:
    """The model that ``path`` means, to be run: what :func:`load_model` takes, or an exported graph. Raises UserError."""
    files = find_model(path, cfg=cfg, names=names)
    read = FACTS.get(files.weights.suffix.lower())
    return load_files(files) if read is None else ExportedModel.of(files.weights, read(files.weights))


def load_model(
    path: str | Path,
    *,
    cfg: str | Path | None = None,
    names: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> LoadedModel:
    """The model that ``path`` means, in evaluation mode on ``device``: our ``.pt`` checkpoint, ``.safetensors``, or
    Darknet's ``.weights`` with its ``.cfg`` (and ``.names``) beside it, or as ``cfg`` and ``names`` say. What else than
    such a file may be given is said at :func:`find_model`: a run's folder, a ``.data`` file, a stem, a known name.

    Raises UserError for a file that is missing, damaged or of another kind.
    """
    model = load_files(find_model(path, cfg=cfg, names=names))
    model.network.to(device)
    return model


def load_files(files: ModelFiles, *, fit: Fit | None = None) -> LoadedModel:
    """The model in files, in main memory and in evaluation mode; ``fit`` overrules how a Darknet model's images are
    fitted. Raises UserError."""
    path = files.weights
    if path.suffix.lower() in FACTS:
        raise UserError(
            f"{path}: an exported graph, which can detect and be evaluated and no more; give the weights that it was made of"
        )
    load = LOADERS.get(path.suffix.lower())
    if load is None:
        raise UserError(
            f"{path}: weights must be one of {', '.join((*LOADERS, *FACTS))}, found {path.suffix or 'no ending'}"
        )
    if load is load_darknet:
        return load_darknet(path, files.cfg, names_path=files.names, fit=fit)
    return load(path)
