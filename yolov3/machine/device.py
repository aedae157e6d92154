"""Where the arithmetic happens and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from yolov3.errors import UserError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def select_device(text: str) -> torch.device:
    """The device a user names: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, or just ``1``.

    Raises UserError for a device that this machine does not have.
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = f"cuda:{text}" if text.isdigit() else text
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device {text!r} is not known; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise UserError(f"device {text!r} is not supported; use auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= count:
        raise UserError(f"device {text!r} was asked for, but torch sees {count} CUDA devices here")
    return device


def select_precision(name: str, device: torch.device) -> torch.dtype:
    """The type in which the network computes. ``auto`` takes bfloat16 where the processor or GPU has it in hardware."""
    if name == "int8":
        raise UserError(
            "precision int8 needs images to calibrate with; yolov3 export WEIGHTS --precision int8 makes such a graph"
        )
    if name != "auto":
        if name == "float16" and device.type == "cpu":
            raise UserError("precision float16 needs a GPU; on a CPU use bfloat16 or float32")
        return PRECISIONS[name]
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if native else torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def mixed_precision(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """A context in which the network computes in ``precision`` while its weights stay float32."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)


def normalised(images: Tensor, device: torch.device) -> Tensor:
    """Images (B, 3, H, W), uint8 or float32 in [0, 1], on a device as float32 in [0, 1]: moved as they are, converted
    there."""
    images = images.to(device, non_blocking=True)
    return images.float().div_(255) if images.dtype == torch.uint8 else images


def _cpu_has_bfloat16() -> bool:
    # torch has no public question for this; an older or newer one without these names computes in float32.
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        question = getattr(torch.cpu, name, None)
        if question is not None and question():
            return True
    return False
