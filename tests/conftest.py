"""What all tests share: where the reference data lies, quiet libraries, one thread per test process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (SHARED / "reference").is_dir():
        return
    skip = pytest.mark.skip(reason="the reference data does not lie beside the project")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the reference data (real images, real Darknet models, answers of the C programs)."""
    return SHARED
