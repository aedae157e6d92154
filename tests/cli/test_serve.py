"""``yolov3 serve``: what cannot be served is one clear line, before anything begins; the rest is tested in tests/serving."""

from __future__ import annotations

import socket
import sys

import pytest

from yolov3.cli import main


@pytest.fixture(scope="module")
def served_weights(tmp_path_factory, write_seeing_model):
    return write_seeing_model(tmp_path_factory.mktemp("served") / "small.pt", width=0.0625)


def test_without_the_extra_it_is_named(served_weights, capsys, monkeypatch):
    for module in ("uvicorn", "starlette"):
        with monkeypatch.context() as context:
            context.setitem(sys.modules, module, None)
            assert main(["serve", "--weights", str(served_weights), "--port", "0"]) == 2
        assert f"serving needs {module}; install it with: pip install 'yolov3[serve]'" in capsys.readouterr().err


def test_an_address_that_is_taken_or_none(served_weights, capsys, monkeypatch):
    for module in ("starlette", "uvicorn", "multipart", "prometheus_client"):
        pytest.importorskip(module, reason="the extra serve is not installed")
    monkeypatch.delenv("YOLOV3_TOKEN", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--weights", str(served_weights), "--port", port]) == 2
        assert f"--host 127.0.0.1 --port {port}: Address already in use" in capsys.readouterr().err
    assert main(["serve", "--weights", str(served_weights), "--host", "0.0.0.0"]) == 2
    assert "others could use this model" in capsys.readouterr().err
    assert main(["serve", "--weights", "nothing.pt", "--port", "0"]) == 2
    monkeypatch.setenv("YOLOV3_TOKEN", "a-secret-of-the-test")
    assert main(["serve", "--weights", str(served_weights), "--host", "no.such.host.invalid"]) == 2
    assert "--host no.such.host.invalid: " in capsys.readouterr().err
