"""What a format of labels has to say for itself. A new one is a file of this room with a ``FORMAT``, and a line in the
catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset

Split = Literal["train", "val", "test"]

SPLIT_WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
"""What people call a split."""


@dataclass(frozen=True)
class LabelFormat:
    """``name`` is its word in data.format. ``tree`` says what it looks for in a folder, for an error.

    ``recognises(root, given)``: whether a data set's folder is of this format, when data.train, val and test say ``given``.
    ``find_split(root, words)``: where the split with one of these names lies when nobody says, None to leave it to
    ``read``; it raises UserError when it cannot be told. ``read(data, root, split)``: the samples of a split; it raises
    UserError naming the file and the entry.
    """

    name: str
    tree: str
    recognises: Callable[[Path, tuple[str, ...]], bool]
    find_split: Callable[[Path, tuple[str, ...]], str | None]
    read: Callable[[DataSection, Path, Split], Dataset]
