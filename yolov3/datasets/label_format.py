"""What a format of labels has to say for itself. A new one is a file of this room with a ``FORMAT``, and a line of the
catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.tree import Tree

Split = Literal["train", "val", "test"]

SPLIT_WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""What people call a split."""


def words_of(*splits: Split) -> tuple[str, ...]:
    """What people call any of these splits."""
    return tuple(word for split in splits for word in SPLIT_WORDS[split])


Reference = str | tuple[str, ...]
"""Where a split lies, as data.train says it: what it means is the format's business."""


@dataclass(frozen=True)
class LabelFormat:
    """``name`` is its word in data.format. ``looks_for`` says what it looks for in a folder, for an error.

    ``recognises(tree, given)``: whether a data set's folder is of this format, when data.train, val and test say ``given``.
    ``find_split(tree, words)``: where the split with one of these names lies, None when it is not there.
    ``find_all(tree)``: where all images are, in a folder that is not split; None when it cannot be told.
    ``read(data, tree, split)``: the samples of a split, where it lies being said in ``data``; it raises UserError naming
    the file and the entry.
    """

    name: str
    looks_for: str
    recognises: Callable[[Tree, tuple[str, ...]], bool]
    find_split: Callable[[Tree, tuple[str, ...]], Reference | None]
    find_all: Callable[[Tree], Reference | None]
    read: Callable[[DataSection, Tree, Split], Dataset]
