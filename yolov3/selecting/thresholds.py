"""A threshold for each class, in a file: as an evaluation found them, or as somebody wants them.

The scores at which a class is best differ from class to class. They hold under the rules of suppression under which they
were found, so the file has those too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.strict_yaml import read_yaml, write_yaml

KEYS = ("about", "iou", "multi_label", "thresholds")

HEAD = """# A score must be above that of its class. Written by an evaluation, for: detect --thresholds
# iou and multi_label are the rules under which the thresholds were found.
"""


@dataclass(frozen=True)
class Thresholds:
    """``by_class``: above which a score must be, by the class's name. ``iou``: a box that overlaps a better one of its class
    by more goes; ``multi_label``: a place may give several classes; None: as without the file. ``about`` says in words where
    the numbers are from."""

    by_class: Mapping[str, float]
    iou: float | None = None
    multi_label: bool | None = None
    about: str = ""

    def of(self, names: Sequence[str], source: str) -> tuple[float, ...]:
        """The threshold of each of a model's classes. Raises UserError, which names the ``source``, where the classes are
        not those of the model."""
        if not names:
            raise UserError(
                f"{source}: goes by the names of classes, and this model does not know its own; give --names"
            )
        strange = [name for name in self.by_class if name not in names]
        missing = [name for name in names if name not in self.by_class]
        if strange or missing:
            what = f"has a threshold for {strange[0]!r}" if strange else f"has no threshold for {missing[0]!r}"
            raise UserError(f"{source}: {what}; the model's classes are {', '.join(names[:20])}")
        return tuple(self.by_class[name] for name in names)


def read_thresholds(path: str | Path) -> Thresholds:
    """What a file says. Raises UserError."""
    values = read_yaml(Path(path))
    for key in values:
        if key not in KEYS:
            raise UserError(f"{path}: no key {key!r}; there may be {', '.join(KEYS)}")
    thresholds = values.get("thresholds")
    if not isinstance(thresholds, dict) or not thresholds:
        raise UserError(f"{path}: thresholds must be a class and a number each, found {thresholds!r}")
    return Thresholds(
        {str(name): _share(path, f"thresholds.{name}", number) for name, number in thresholds.items()},
        None if values.get("iou") is None else _share(path, "iou", values["iou"]),
        _switch(path, values.get("multi_label")),
        str(values.get("about") or ""),
    )


def write_thresholds(path: Path, thresholds: Thresholds) -> None:
    """Write what :func:`read_thresholds` reads."""
    values: dict[str, Any] = {"about": thresholds.about, "iou": thresholds.iou, "multi_label": thresholds.multi_label}
    values = {key: value for key, value in values.items() if value not in (None, "")}
    write_text_atomically(path, HEAD + write_yaml({**values, "thresholds": dict(thresholds.by_class)}))


def _share(path: str | Path, key: str, number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise UserError(f"{path}: {key} must lie in [0, 1], found {number!r}")
    return float(number)


def _switch(path: str | Path, value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise UserError(f"{path}: multi_label must be true or false, found {value!r}")
    return value
