"""What is asked of a division and of a conversion, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from yolov3.errors import UserError

if TYPE_CHECKING:  # a command's words need not wait for what reads data
    from yolov3.datasets.label_format import Split

FormatName = Literal["coco", "voc", "yolo"]

SPLIT_NAMES: tuple[Split, ...] = ("train", "val", "test")
FORMAT_NAMES: tuple[FormatName, ...] = ("coco", "voc", "yolo")


class SplitChanges(TypedDict, total=False):
    """The fields of :class:`SplitOptions`, as keywords."""

    data: str | Path
    val: float
    test: float
    seed: int
    group_by: str | None
    of: Split | None
    out: str | Path | None
    changes: Sequence[str]


@dataclass(frozen=True)
class SplitOptions:
    """How a data set is to be divided.

    ``data`` names it as everywhere (folder, data YAML, ``.data`` file, COCO json), ``changes`` are ``data.key=value``. ``val``
    and ``test`` are shares of the images, the rest is trained on; ``of`` is the split that is divided where there are
    several. Images whose paths match ``group_by`` alike stay together; None: near-identical neighbours. ``out`` is a new
    or empty folder; None: a new one below ``runs/split``. Raises UserError for what cannot be.
    """

    data: str | Path
    val: float = 0.2
    test: float = 0.0
    seed: int = 0
    group_by: str | None = None
    of: Split | None = None
    out: str | Path | None = None
    changes: Sequence[str] = ()

    def __post_init__(self) -> None:
        # The comparisons are such that "not a number" does not pass.
        if not 0 < self.val < 1:
            raise UserError(f"val must be a share above 0 and below 1, found {self.val:g}")
        if not 0 <= self.test < 1:
            raise UserError(f"test must be a share from 0 to below 1, found {self.test:g}")
        if not self.val + self.test < 1:
            raise UserError(
                f"val={self.val:g} and test={self.test:g} leave nothing to train on; their sum must be below 1"
            )
        if self.seed < 0:
            raise UserError(f"seed must be 0 or more, found {self.seed}")
        try:
            re.compile(self.group_by or "")
        except re.error as error:
            raise UserError(f"group_by: {self.group_by!r} is no regular expression: {error}") from error


class ConvertDataChanges(TypedDict, total=False):
    """The fields of :class:`ConvertDataOptions`, as keywords."""

    data: str | Path
    to: FormatName
    out: str | Path
    copy: bool
    splits: Sequence[Split] | None
    changes: Sequence[str]


@dataclass(frozen=True)
class ConvertDataOptions:
    """Which data set is to be written in which format.

    ``data`` and ``changes`` as in :class:`SplitOptions`; ``out`` is a new or empty folder. Images are linked to by their
    absolute paths, or copied with ``copy``. ``splits`` are those that are written; None: all there are. Raises UserError
    for what cannot be.
    """

    data: str | Path
    to: FormatName
    out: str | Path
    copy: bool = False
    splits: Sequence[Split] | None = None
    changes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.to not in FORMAT_NAMES:
            raise UserError(f"to: found {self.to!r}; allowed: {', '.join(FORMAT_NAMES)}")
        unknown = [name for name in self.splits or () if name not in SPLIT_NAMES]
        if unknown or (self.splits is not None and not self.splits):
            raise UserError(f"splits: found {unknown or 'none'}; allowed: {', '.join(SPLIT_NAMES)}")
