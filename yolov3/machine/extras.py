"""The libraries that only some need: found or told in one line, and none of them speaks to anybody on the network."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from yolov3.errors import UserError

EXTRAS = {
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "nncf": "openvino",
    "starlette": "serve",
    "uvicorn": "serve",
    "multipart": "serve",
    "prometheus_client": "serve",
}
"""Modules, and the extra of ours that brings them."""

TELEMETRY = "openvino_telemetry"
"""What OpenVINO's tools and NNCF tell their makers through, unless it is not there."""

GPU_SEARCH = "torch.utils.cpp_extension"
"""The logger in which PyTorch tells that this machine has no GPU, which these libraries ask about."""


def require_extra(module: str, what: str) -> ModuleType:
    """The module, imported. ``what`` is what it is needed for: ``writing ONNX files``. Raises UserError that names the
    extra."""
    try:
        with _without_telemetry(), quiet(GPU_SEARCH):
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRAS:
            raise
        extra = EXTRAS[module]
        raise UserError(f"{what} needs {error.name}; install it with: pip install 'yolov3[{extra}]'") from error


def has_extra(module: str) -> bool:
    """Whether the module is installed, without importing it."""
    return importlib.util.find_spec(module) is not None


@contextmanager
def quiet(*names: str) -> Iterator[None]:
    """Within, nobody warns, and the loggers of these names tell of errors only."""
    loggers = [logging.getLogger(name) for name in names]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, before):
            each.setLevel(level)


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Within, the telemetry library cannot be imported: whoever wants it takes the way that is meant for when it is not
    installed. A user's own program that imported it before keeps what it has."""
    before = sys.modules.get(TELEMETRY)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # this is how Python is told that there is none
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(TELEMETRY, None)
        else:
            sys.modules[TELEMETRY] = before
