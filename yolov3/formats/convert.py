"""A model from one kind of file into another, and the proof that it is still the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from yolov3.darknet.header import DarknetHeader
from yolov3.errors import UserError
from yolov3.files.reading import is_folder, is_there, require_file
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.darknet_weights import darknet_network, inspect_weights
from yolov3.formats.load import load_files, load_model
from yolov3.formats.model import LoadedModel
from yolov3.formats.model_files import find_model
from yolov3.formats.safetensors_file import save_safetensors
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.shapes.scene import draw_image
from yolov3.structures import Fit

TARGET_SUFFIXES = (".pt", ".safetensors", ".weights")
IMAGE_SIZE = (256, 320)


@dataclass(frozen=True)
class Conversion:
    """What was written, and how far the outputs of the two models lie apart on the image they were both run on:
    ``largest_difference``, beside the ``largest_output`` it is to be compared with."""

    files: tuple[Path, ...]
    description: str
    largest_difference: float
    largest_output: float


@dataclass(frozen=True)
class ConvertOptions:
    """The model in ``source`` is to become ``target``, whose suffix says how: ``.pt``, ``.safetensors``, or ``.weights``
    with its ``.cfg`` and ``.names`` beside it. ``cfg``, ``names`` and ``fit`` belong to a Darknet source. Both models are
    run on ``image``, or on a generated one."""

    source: Path
    target: Path
    cfg: Path | None = None
    names: Path | None = None
    fit: Fit | None = None
    image: Path | None = None


def convert(options: ConvertOptions) -> Conversion:
    """Write a model in another form, read it again and compare both. Raises UserError."""
    target = options.target
    if target.suffix.lower() not in TARGET_SUFFIXES:
        raise UserError(
            f"{target}: models are written as {', '.join(TARGET_SUFFIXES)}, found {target.suffix or 'no ending'}"
        )
    source = find_model(options.source, cfg=options.cfg, names=options.names)
    if is_there(target) and source.weights.samefile(target):
        raise UserError(f"{target}: the source and the target are the same file")
    if not is_folder(target.parent):
        raise UserError(f"{target}: the folder {target.parent} does not exist")
    if options.fit and not source.is_darknet:
        raise UserError(f"{source.weights}: --fit belongs to Darknet's weights only")
    if options.image is not None:
        require_file(options.image)  # before anything is written
    model = load_files(source, fit=options.fit)
    header = inspect_weights(source.weights).header if source.is_darknet else None
    files = _write(model, target, header)
    largest_difference, largest_output = compare(model, load_model(target), options.image)
    return Conversion(files, model.description, largest_difference, largest_output)


def compare(first: LoadedModel, second: LoadedModel, image: Path | None = None) -> tuple[float, float]:
    """(largest difference, largest value) of the raw outputs of two models on one image."""
    shown = read_image(image) if image else draw_image(np.random.default_rng(0), IMAGE_SIZE).image
    # Both get the very same input: how each kind of file fits images is a matter of its own.
    geometry = Geometry.fit((shown.shape[0], shown.shape[1]), first.meaning.preprocessing)
    outputs = [_outputs(model, geometry.apply_image(shown)) for model in (first, second)]
    if [output.shape for output in outputs[0]] != [output.shape for output in outputs[1]]:
        raise UserError(f"{second.source}: its outputs have other shapes than those of {first.source}")
    difference = max(float((a - b).abs().max()) for a, b in zip(*outputs))
    return difference, max(float(output.abs().max()) for output in outputs[0])


def _outputs(model: LoadedModel, fitted: np.ndarray) -> Sequence[torch.Tensor]:
    image = torch.from_numpy(fitted).permute(2, 0, 1)[None]
    with torch.inference_mode():
        raw = model.network(image.float() / 255 if image.dtype == torch.uint8 else image)
    return raw if isinstance(raw, tuple) else (raw,)


def _write(model: LoadedModel, target: Path, header: DarknetHeader | None) -> tuple[Path, ...]:
    suffix = target.suffix.lower()
    if suffix == ".weights":
        return save_darknet(darknet_network(model.network), target, meaning=model.meaning, header=header)
    if suffix == ".safetensors":
        save_safetensors(target, model)
    else:
        save_checkpoint(target, model.network, meaning=model.meaning, experiment=model.experiment)
    return (target,)
