"""A model from a file of any kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from yolov3.downloads.manifest import known_weights_path
from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_checkpoint
from yolov3.formats.darknet_files import load_darknet
from yolov3.formats.model import LoadedModel
from yolov3.formats.safetensors_file import load_safetensors

LOADERS: dict[str, Callable[[Path], LoadedModel]] = {
    ".pt": load_checkpoint,
    ".safetensors": load_safetensors,
    ".weights": load_darknet,
    ".backup": load_darknet,
}


def load_model(path: str | Path, *, device: torch.device | str = "cpu") -> LoadedModel:
    """The model in a file, in evaluation mode on ``device``: our ``.pt`` checkpoint, ``.safetensors``, or Darknet's
    ``.weights`` with its ``.cfg`` (and ``.names``) beside it. A bare name such as ``yolov3`` means the known weights of
    that name in ``weights/``.

    Raises UserError for a file that is missing, damaged or of another kind.
    """
    path = weights_path(path)
    load = LOADERS.get(path.suffix.lower())
    if load is None:
        raise UserError(f"{path}: weights must be one of {', '.join(LOADERS)}, found {path.suffix or 'no ending'}")
    model = load(path)
    model.network.to(device)
    return model


def weights_path(text: str | Path) -> Path:
    """The file that a path, or the name of known weights, means. Raises UserError when there is none."""
    path = Path(text)
    if not path.suffix and not path.exists():
        path = known_weights_path(str(path)) or path
    if not path.exists():
        raise UserError(f"{path}: no such weights file")
    return path


def is_darknet(path: Path) -> bool:
    """Whether a file of weights is one of Darknet's, for which there are many endings (``darknet53.conv.74``)."""
    return LOADERS.get(path.suffix.lower(), load_darknet) is load_darknet
