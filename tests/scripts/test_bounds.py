"""The bounds of the dependencies, as the script that tries both ends reads them."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bounds():
    spec = importlib.util.spec_from_file_location("bounds", ROOT / "scripts" / "bounds.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("requirement", "pin"),
    [
        ("numpy>=2,<3", "numpy==2"),
        ("albumentations==2.0.8", "albumentations==2.0.8"),
        ("opencv-python >= 4.10, <6", "opencv-python==4.10"),
        ("uvicorn[standard]>=0.30,<1", "uvicorn==0.30"),
        ("rich", None),
        ("rich<3", None),
    ],
)
def test_the_lowest_release_of_a_requirement(bounds, requirement, pin):
    assert bounds.lowest_of(requirement) == pin


def test_every_dependency_has_both_bounds(bounds):
    extras = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    required = bounds.requirements(extras)
    assert len(required) > 20
    assert [each for each in required if bounds.lowest_of(each) is None or not bounds.upper_bounded(each)] == []
