"""The package's public names: which there are, that they resolve, and that nothing else does."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import yolov3

ROOT = Path(__file__).resolve().parents[1]

PUBLIC = {
    "Darknet53", "Detections", "Detector", "UserError", "YOLOv3", "detect", "evaluate", "load_experiment", "load_model",
    "train",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(yolov3.__all__) == PUBLIC
    assert set(dir(yolov3)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_resolves_and_is_explained(name):
    found = getattr(yolov3, name)
    assert found.__doc__, name
    assert name in (ROOT / "README.md").read_text()


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="module 'yolov3' has no attribute 'nothing'"):
        _ = yolov3.nothing


def test_a_star_brings_the_public_names():
    code = f"from yolov3 import *; assert {sorted(PUBLIC)!r} == sorted(n for n in dir() if n[0] != '_')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_said_once():
    """The package says it, the metadata are made of it: tests/test_package.py compares them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in settings["project"] and settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "yolov3.__version__"}
    assert f"## {yolov3.__version__}" in (ROOT / "docs" / "CHANGELOG.md").read_text()
