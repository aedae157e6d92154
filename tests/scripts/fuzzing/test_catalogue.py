"""The readers that are fed: names are told apart, and every reader accepts its own valid files."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing.catalogue import READERS


def test_names_are_distinct_and_fit_into_those_of_files():
    names = [reader.name for reader in READERS]
    assert len(set(names)) == len(names)
    assert all("--" not in name and name.replace("-", "").isalnum() for name in names)


def test_all_kinds_of_files_are_there():
    there = {Path(reader.file).suffix for reader in READERS}
    images, models = (
        {".jpg", ".png", ".webp", ".tif", ".bmp", ".mp4", ".avi"},
        {".cfg", ".weights", ".pt", ".safetensors"},
    )
    assert there >= images | models | {".json", ".xml", ".txt", ".yaml", ".names", ".data", ".zip", ".csv"}


@pytest.mark.parametrize("name", ["cfg", "experiment", "coco", "voc", "yolo", "data-yaml", "png", "safetensors"])
def test_valid_files_are_accepted(name, tmp_path):
    reader = next(reader for reader in READERS if reader.name == name)
    folder = tmp_path / "fuzz-x" / name
    folder.mkdir(parents=True)
    seeds = reader.prepare(folder)
    assert seeds
    path = folder / reader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        path.write_bytes(seed)
        reader.read(path)
