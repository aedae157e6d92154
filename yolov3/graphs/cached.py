"""Graphs that were made for this machine's own use, kept in a folder for such things: making one takes seconds, and a model
is used more than once. Whoever deletes the folder loses nothing but time."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch

from yolov3.darknet.graph import DarknetGraph
from yolov3.errors import UserError
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_file import facts_of_onnx, read_sealed_onnx, write_onnx
from yolov3.graphs.onnx_graph import onnx_of
from yolov3.models.contract import DetectionNetwork


def cache_folder() -> Path:
    """Where they are kept: ``yolov3`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yolov3"


def cached_onnx(network: DetectionNetwork, facts: GraphFacts) -> bytes:
    """The content of an ONNX file of a network: one that was made before, else a new one, which is kept if it can be.
    Raises UserError where an extra is missing."""
    path = cache_folder() / f"{digest_of(network, facts)}.onnx"
    with suppress(UserError):  # none yet, or damaged
        content = read_sealed_onnx(path)
        if facts_of_onnx(path, content) == facts:
            return content
    model = onnx_of(network, facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_onnx(path, model, facts)
        return read_sealed_onnx(path)
    except (OSError, UserError):  # a folder that may not be written, a full disk: then it is made anew next time
        content = model.SerializeToString()
        assert isinstance(content, bytes)
        return content


def digest_of(network: DetectionNetwork, facts: GraphFacts) -> str:
    """The same for the same numbers in the same network that means the same, made by the same exporter."""
    structure = (
        f"{network} {network.plan if isinstance(network, DarknetGraph) else ''}"  # which a module does not print
    )
    digest = hashlib.sha256(f"{torch.__version__} {facts.as_text()} {structure}".encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
