"""The libraries that only some need: a missing one is told with its extra, and none of them speaks to its makers."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from yolov3.errors import UserError
from yolov3.machine.extras import EXTRAS, GPU_SEARCH, TELEMETRY, has_extra, quiet, require_extra

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A function that makes what is imported as ``onnx`` a module with a text of ours."""

    def install(text: str, name: str = "onnx") -> None:
        (tmp_path / f"{name}.py").write_text(text)
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_library_that_is_there_is_given():
    import onnx

    assert require_extra("onnx", "writing ONNX files") is onnx
    assert has_extra("onnx") and not has_extra("no_such_library_anywhere")


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items())
def test_a_missing_library_is_told_with_its_extra(monkeypatch, module, extra):
    monkeypatch.setitem(sys.modules, module, None)  # importing it is a ModuleNotFoundError
    with pytest.raises(UserError) as caught:
        require_extra(module, "writing such files")
    assert str(caught.value) == f"writing such files needs {module}; install it with: pip install 'yolov3[{extra}]'"


def test_of_two_missing_libraries_the_one_that_is_missing_is_told(library):
    library("import onnxscript", "nncf")
    library("raise ModuleNotFoundError('no onnxscript', name='onnxscript.rewriter')", "onnxscript")
    with pytest.raises(UserError, match=r"^int8 needs onnxscript\.rewriter; install .* 'yolov3\[openvino\]'$"):
        require_extra("nncf", "int8")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import no_such_library_anywhere", ModuleNotFoundError, "no_such_library_anywhere"),
        ("from math import no_such_function", ImportError, "no_such_function"),
        ("raise OSError('libonnx.so.1: cannot open shared object file')", OSError, "libonnx"),
    ],
)
def test_what_is_wrong_within_a_library_is_not_hidden(library, text, error, message):
    library(text)
    with pytest.raises(error, match=message) as caught:
        require_extra("onnx", "writing ONNX files")
    assert not isinstance(caught.value, UserError)


def test_telemetry_cannot_be_imported_meanwhile_and_can_be_afterwards(library):
    library("", TELEMETRY)
    library(f"try:\n    import {TELEMETRY}\n    speaks = True\nexcept ImportError:\n    speaks = False\n")
    assert require_extra("onnx", "this test").speaks is False
    assert TELEMETRY not in sys.modules
    assert Path(__import__(TELEMETRY).__file__ or "").suffix == ".py"


def test_whoever_imported_telemetry_before_keeps_it(library, monkeypatch):
    own = ModuleType(TELEMETRY)
    monkeypatch.setitem(sys.modules, TELEMETRY, own)
    library(f"try:\n    import {TELEMETRY}\n    speaks = True\nexcept ImportError:\n    speaks = False\n")
    assert require_extra("onnx", "this test").speaks is False
    assert sys.modules[TELEMETRY] is own
    library("raise OSError('broken')")
    with pytest.raises(OSError, match="broken"):
        require_extra("onnx", "this test")
    assert sys.modules[TELEMETRY] is own


def test_remarks_are_silent_meanwhile_and_heard_afterwards(library, caplog):
    remarks = "import logging, warnings\nwarnings.warn('no GPU')\n"
    remarks += "logging.getLogger('torch.utils.cpp_extension').warning('no CUDA')\n"
    library(remarks)
    require_extra("onnx", "this test")
    assert not caplog.records
    logging.getLogger("torch.utils.cpp_extension").warning("now")
    with pytest.warns(UserWarning, match="now"):
        warnings.warn("now", UserWarning, stacklevel=1)
    assert [record.message for record in caplog.records] == ["now"]


def test_a_logger_gets_its_level_back_after_a_failure():
    logger = logging.getLogger("torch.utils.cpp_extension")
    before = logger.level
    with pytest.raises(RuntimeError, match="stop"), quiet(GPU_SEARCH):
        assert logger.level == logging.ERROR
        raise RuntimeError("stop")
    assert logger.level == before


ALONE = """
import os, socket, sys

def refuse(*arguments, **keywords):
    print("somebody wants to speak to", arguments, file=sys.stderr, flush=True)
    os._exit(3)  # whichever thread it was

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.create_connection = refuse
socket.getaddrinfo = refuse
from yolov3.machine.extras import require_extra

for module in ("nncf", "openvino", "onnx", "onnxscript", "onnxruntime"):
    require_extra(module, "this test")
import nncf
import openvino

assert nncf.quantize and openvino.Core().available_devices
loaded = [name for name in sys.modules if name.partition(".")[0] == "openvino_telemetry"]
print("telemetry:", loaded)
"""


def test_no_library_speaks_to_its_makers():
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "telemetry: []\n"
