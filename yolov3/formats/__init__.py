"""Every way a model is stored or leaves PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_checkpoint
from yolov3.formats.darknet import load_darknet
from yolov3.formats.known_files import known_weights_path
from yolov3.formats.model import LoadedModel
from yolov3.formats.safetensors_file import load_safetensors

__all__ = ["LoadedModel", "load_model"]


def load_model(path: str | Path, *, device: torch.device | str = "cpu") -> LoadedModel:
    """The model in a file, in evaluation mode on ``device``: our ``.pt`` checkpoint, ``.safetensors``, or Darknet's
    ``.weights`` with its ``.cfg`` (and ``.names``) beside it.
    A bare name such as ``yolov3`` means the known weights of that name in ``weights/``.

    Raises UserError for a file that is missing, damaged or of another kind.
    """
    path = Path(path)
    if not path.suffix and not path.exists():
        path = known_weights_path(str(path)) or path
    if not path.exists():
        raise UserError(f"{path}: no such weights file")
    loaders: dict[str, Callable[[Path], LoadedModel]] = {
        ".pt": load_checkpoint,
        ".safetensors": load_safetensors,
        ".weights": load_darknet,
        ".backup": load_darknet,
    }
    load = loaders.get(path.suffix.lower())
    if load is None:
        raise UserError(f"{path}: weights must be one of {', '.join(loaders)}, found {path.suffix or 'no ending'}")
    model = load(path)
    model.network.to(device)
    return model
