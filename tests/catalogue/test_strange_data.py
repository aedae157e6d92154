"""Whatever a data file says, it describes a data set or is refused in lines that can be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolov3.catalogue.data_files import read_data_file
from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_splits
from yolov3.config.experiment import DataSection
from yolov3.config.loading import load_experiment
from yolov3.errors import UserError

KEYS = (
    "names", "path", "root", "format", "train", "val", "test", "nc", "val_share", "group_by", "lists", "download", "file",
    "one_based", "overfit", "train_images", "val_seed", "kpt_shape", "data", "model",
)  # fmt: skip
VALUES: list[Any] = [
    3.5, True, None, {}, [], [[1]], {"a": 1}, {0: "a"}, {0: {}}, {0: 1.5}, {1.5: "a"}, {True: "a"}, {-1: "a"}, {10**30: "a"},
    "x" * 3000, "n/" * 3000, "n" * 300, -1, 10**30, float("nan"), float("inf"), "", "\0", [None], ["a", "a"], [[["a"]]], [3.5],
    ["a" * 3000], "1:30", ".", "(", "images/train",
    "\x1b[2J", "\u202e", {"train": {}}, [["images/train"]], "-",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory, files) -> Path:
    return files.write_yolo(tmp_path_factory.mktemp("strange") / "data", split="train")


def read_in_every_way(path: Path) -> None:
    ways = (
        lambda: read_data_file(path),
        lambda: open_splits(resolve_data(path)),
        lambda: open_splits(load_experiment(path).data),
        lambda: open_splits(DataSection(root=str(path.parent))),
    )
    for read in ways:
        try:
            read()
        except UserError as error:
            message = str(error)
            message.encode()
            assert message.strip() and len(message) < 10_000
            assert all(line.isprintable() and len(line) < 2500 for line in message.split("\n"))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_with_every_kind_of_value(place, key):
    base = {"names": ["cat", "dog", "bird"], "train": "images/train", "val": "images/train"}
    for value in VALUES:
        (place / "data.yaml").write_text(yaml.safe_dump({**base, key: value}))
        try:
            read_in_every_way(place / "data.yaml")
        except Exception as error:
            raise AssertionError(f"{key}: {value!r:.200}") from error
    (place / "data.yaml").unlink()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["images/train", ".", "cat"]),
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.integers(0, 3), inside, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=6))
def test_any_values(place, values):
    path = place / "data.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    read_in_every_way(path)
    os.unlink(path)  # noqa: PTH108
