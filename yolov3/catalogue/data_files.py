"""Files that describe a data set: data YAMLs, ours or those of other programs, and Darknet's ``.data``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.config.experiment import DataSection
from yolov3.datasets.darknet_data import DarknetData, read_data
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.reading import is_file
from yolov3.files.strict_yaml import read_yaml
from yolov3.watching.printable import quoted
from yolov3.watching.words import some

USUAL_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
OWN_KEYS = ("root", "format")  # by these a data YAML is known as written for us
OTHER_WORDS = {"path": "root", "valid": "val", "validation": "val"}


@dataclass(frozen=True)
class DataFile:
    """The settings that a file says, not checked yet, and what is to be told of it."""

    path: Path
    values: dict[str, Any]
    notes: tuple[str, ...] = ()


def find_data_file(tree: Tree) -> Path | None:
    """The file in a data set's folder that describes it, None when there is none."""
    here = tree.files(".")
    found = [name for name in USUAL_NAMES if name in here]
    found = found[:1] or [name for name in here if name.endswith(".data")]
    return tree.root / found[0] if len(found) == 1 else None


def read_data_file(path: Path) -> DataFile:
    """What a data YAML or a ``.data`` file says. Raises UserError.

    A YAML with neither ``root`` nor ``format`` was written for another program: keys that we do not know are noted and
    passed over. ``download`` always is: nothing in a file of settings is ever run or fetched.
    """
    if path.suffix.lower() == ".data":
        return DataFile(path, _read_darknet_data(path))
    values = read_yaml(path)
    is_foreign = not any(key in values for key in OWN_KEYS)
    values.pop("download", None)
    if "path" in values and "root" in values:
        raise UserError(f"{path}: gives both path and root; they mean the same")
    for word, own in OTHER_WORDS.items():
        if word in values and own not in values and (is_foreign or word == "path"):
            values[own] = values.pop(word)
    _check_count(path, values.pop("nc", None), values.get("names"))
    root = values.setdefault("root", ".")
    if not isinstance(root, str):
        raise UserError(f"{path}: root: found {quoted(root)}, expected the path of a folder")
    notes: tuple[str, ...] = ()
    if is_foreign:
        unknown = [key for key in values if key not in DataSection.model_fields]
        values = {key: value for key, value in values.items() if key not in unknown}
        if unknown:
            notes = (f"{path}: keys that mean nothing here are passed over: {some(unknown)}",)
    return DataFile(path, values, notes)


def _check_count(path: Path, count: Any, names: Any) -> None:
    if count is not None and isinstance(names, list | dict) and count != len(names):
        raise UserError(f"{path}: nc is {quoted(count)}, but there are {len(names)} names")


def _read_darknet_data(path: Path) -> dict[str, Any]:
    """Darknet's ``.data`` as settings. Raises UserError."""
    data = read_data(path)
    values: dict[str, Any] = {"root": str(path.parent), "format": "yolo"}
    for split, text in (("train", data.train), ("val", data.valid)):
        if text is not None:
            values[split] = _find_split(data, text)
    if data.names is not None:
        values["names"] = list(read_names(_find(data, data.names)))
        if data.classes is not None and data.classes != len(values["names"]):
            raise UserError(f"{path}: classes is {data.classes}, but {data.names} has {len(values['names'])} names")
    return values


def _find_split(data: DarknetData, text: str) -> str:
    """The list of a split; as it is written where there is none, since it may never be asked for."""
    try:
        return str(_find(data, text).resolve())
    except UserError:
        return text


def _find(data: DarknetData, text: str) -> Path:
    """The file meant by a path in a ``.data`` file; beside it by its name alone, as annotation tools pack them."""
    try:
        return data.find(text)
    except UserError:
        beside = data.path.parent / Path(text).name
        if is_file(beside):
            return beside
        raise
