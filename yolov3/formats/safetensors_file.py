"""Our models as safetensors: the weights as Hugging Face's format stores them, all that belongs to them as metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from yolov3.errors import UserError
from yolov3.files.atomic import write_atomically
from yolov3.formats.checkpoint import FORMAT, VERSION, checkpoint_content, model_from_content
from yolov3.formats.model import LoadedModel

LARGEST_HEADER = 1 << 24  # bytes


def save_safetensors(path: Path, model: LoadedModel) -> None:
    """Write a model. Raises UserError when the file cannot be written."""
    content = checkpoint_content(model.network, meaning=model.meaning, experiment=model.experiment)
    # Tensors that share memory are refused by the format, and cannot be told apart from copies afterwards.
    weights = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in content.pop("weights").items()}
    data = save(weights, metadata={FORMAT: json.dumps(content)})
    write_atomically(path, lambda stream: stream.write(data))


def load_safetensors(path: Path) -> LoadedModel:
    """The model in a file of :func:`save_safetensors`, in evaluation mode. Raises UserError."""
    _check_header(path)
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
        weights = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as safetensors: {error}") from error
    if FORMAT not in metadata:
        raise UserError(f"{path}: a safetensors file, but not a model of this project (no {FORMAT} in its metadata)")
    content = _read_metadata(path, metadata[FORMAT])
    return model_from_content({**content, "weights": weights}, path)


def _check_header(path: Path) -> None:
    """Raise UserError for a description that is larger than any model's: reading one takes many times its memory."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UserError(f"{path}: not readable as safetensors: {error.strerror or error}") from error
    length = int.from_bytes(start, "little")
    if len(start) == 8 and length > LARGEST_HEADER:
        raise UserError(
            f"{path}: not readable as safetensors: a header of {length} bytes, at most {LARGEST_HEADER} are read"
        )


def _read_metadata(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: its metadata is not readable: {error}") from error
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise UserError(f"{path}: metadata of another version; this program reads version {VERSION}")
    return content
