"""An epoch in numbers: a row of ``results.csv``, of a detector's training or of a classifier's.

A field's column is its name in the table; its panel is where the curves show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

Panel = Literal["loss", "average precision", "accuracy", "learning rate"]


def _column(name: str, panel: Panel | None = None) -> Any:
    return field(metadata={"column": name, "panel": panel})


@dataclass(frozen=True)
class EpochRow:
    """What every training has. Losses are means over the epoch's steps; scores are None in epochs without evaluation."""

    epoch: int = _column("epoch")

    def as_plain(self) -> dict[str, Any]:
        """By the names of the columns."""
        return {each.metadata["column"]: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """The row that :meth:`as_plain` made. Raises KeyError for anything else."""
        return cls(**{each.name: values[each.metadata["column"]] for each in fields(cls)})

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """The names of all columns, in their order."""
        return tuple(each.metadata["column"] for each in fields(cls))

    @classmethod
    def panels(cls) -> dict[Panel, tuple[str, ...]]:
        """The columns that each panel of the curves shows."""
        shown: dict[Panel, tuple[str, ...]] = {}
        for each in fields(cls):
            if each.metadata["panel"]:
                shown[each.metadata["panel"]] = (*shown.get(each.metadata["panel"], ()), each.metadata["column"])
        return shown


@dataclass(frozen=True)
class DetectionRow(EpochRow):
    """An epoch of a detector; ``training_ap`` is measured on a few training images."""

    box: float = _column("train/box", "loss")
    objectness: float = _column("train/obj", "loss")
    classes: float = _column("train/cls", "loss")
    ap50: float | None = _column("metrics/AP50", "average precision")
    ap: float | None = _column("metrics/AP", "average precision")
    training_ap: float | None = _column("metrics/AP_train", "average precision")
    learning_rate: float = _column("learning_rate", "learning rate")
    skipped_steps: int = _column("skipped_steps")


@dataclass(frozen=True)
class ClassificationRow(EpochRow):
    """An epoch of a classifier: shares of the validation images whose class is the likeliest, or among the five
    likeliest."""

    cross_entropy: float = _column("train/cross_entropy", "loss")
    top1: float | None = _column("metrics/top1", "accuracy")
    top5: float | None = _column("metrics/top5", "accuracy")
    learning_rate: float = _column("learning_rate", "learning rate")
    skipped_steps: int = _column("skipped_steps")


@dataclass(frozen=True)
class TimingRow:
    """What differs between repetitions of a run: a row of ``timing.csv``. ``data_wait_share`` of the ``seconds`` that the
    epoch's steps took was spent waiting for images."""

    epoch: int
    images_per_second: float
    data_wait_share: float
    seconds: float

    def as_plain(self) -> dict[str, float]:
        """By the names of the columns."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
