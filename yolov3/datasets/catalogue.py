"""Which data set is meant, in which format, and where its splits lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolov3.config.experiment import DataSection
from yolov3.config.loading import merge, read_data_settings, validate_section
from yolov3.config.shipped import find_config, find_shipped, shipped_names
from yolov3.datasets import coco, voc, yolo
from yolov3.datasets.assemble import as_list
from yolov3.datasets.darknet_data import read_data
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import SPLIT_WORDS, LabelFormat, Split
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.find import find_beside
from yolov3.files.strict_yaml import read_yaml

FORMATS: tuple[LabelFormat, ...] = (voc.FORMAT, coco.FORMAT, yolo.FORMAT)
"""In the order in which a folder is asked whether it is of one."""


def open_dataset(data: DataSection, split: Split) -> Dataset:
    """The samples of a split. With ``data.overfit`` every split is the first N training images.

    Raises UserError naming the file, what was found and what is allowed.
    """
    data = _with_file(data)
    if data.root is None:
        raise UserError("no data set is named: give data.root (its folder) or data.file (a data YAML)")
    root = Path(data.root)
    if not root.is_dir():
        raise UserError(f"{root}: the folder of the data set does not exist")
    if data.overfit:
        split = "train"
    kind = _format_of(data, root)
    if getattr(data, split) is None:
        data = data.model_copy(update={split: kind.find_split(root, SPLIT_WORDS[split])})
    dataset = kind.read(data, root, split)
    if not dataset.samples:
        raise UserError(f"{dataset.source}: no images in it")
    return dataset.first(data.overfit) if data.overfit else dataset


def resolve_data(text: str | Path) -> DataSection:
    """The data that a person names: a data YAML or an experiment YAML, of theirs or a shipped one, a Darknet ``.data``
    file, a COCO json or a folder. Raises UserError."""
    path = Path(text)
    if path.is_dir():
        return DataSection(root=str(path))
    if not path.exists():
        shipped = find_shipped(path)
        if shipped is None:
            raise UserError(f"{path}: neither a data YAML nor the folder of a data set exists there; {shipped_names()}")
        path = shipped
    suffix = path.suffix.lower()
    if suffix == ".json":
        return DataSection(root=str(path.parent.parent), format="coco", val=str(Path(path.parent.name) / path.name))
    if suffix == ".data":
        return validate_section(DataSection, _read_darknet_data(path), str(path))
    if suffix not in (".yaml", ".yml"):
        raise UserError(f"{path}: expected a data YAML, a .data file, a COCO json or a folder")
    data = read_data_settings(path)
    if data is not None:
        return validate_section(DataSection, data, f"{path}: data")
    return DataSection(file=str(path))


def _with_file(data: DataSection) -> DataSection:
    """``data`` laid over the keys of its data YAML."""
    if data.file is None:
        return data
    path = find_config(data.file)
    values = _read_data_yaml(path)
    given = data.model_dump(mode="json", exclude_defaults=True)
    given.pop("file")
    if "root" not in given:
        try:
            values["root"] = str(find_beside(path, values["root"], what="root"))
        except UserError as error:
            raise UserError(f"{error}; say where it is with data.root=FOLDER (evaluate: --data FOLDER)") from error
    return validate_section(DataSection, merge(values, given), str(path))


def _read_data_yaml(path: Path) -> dict[str, Any]:
    """A data YAML as settings: ours, or the widespread ``path, train, val, test, names, nc``. ``download`` is passed
    over: nothing in a file of settings is ever run or fetched."""
    if path.suffix.lower() == ".data":
        return _read_darknet_data(path)
    values = read_yaml(path)
    values.pop("download", None)
    count = values.pop("nc", None)
    names = values.get("names")
    if count is not None and names is not None and count != len(names):
        raise UserError(f"{path}: nc is {count!r}, but there are {len(names)} names")
    if count is not None and names is None:
        raise UserError(f"{path}: nc without names; give the names of the {count!r} classes")
    if "path" in values:
        if "root" in values:
            raise UserError(f"{path}: gives both path and root; they mean the same")
        values["root"] = values.pop("path")
    root = values.get("root", ".")
    if not isinstance(root, str):
        raise UserError(f"{path}: root: found {root!r}, expected the path of a folder")
    values["root"] = root
    return values


def _read_darknet_data(path: Path) -> dict[str, Any]:
    """Darknet's ``.data`` as settings. Raises UserError."""
    data = read_data(path)
    values: dict[str, Any] = {"root": str(path.parent), "format": "yolo"}
    for split, text in (("train", data.train), ("val", data.valid)):
        if text is not None:
            values[split] = str(data.find(text).resolve())
    if data.names is not None:
        values["names"] = list(read_names(data.find(data.names)))
        if data.classes is not None and data.classes != len(values["names"]):
            raise UserError(f"{path}: classes is {data.classes}, but {data.names} has {len(values['names'])} names")
    return values


def _format_of(data: DataSection, root: Path) -> LabelFormat:
    """The stated format, or the one that the folder shows."""
    if data.format != "auto":
        named = {each.name: each for each in FORMATS}
        if data.format not in named:
            raise UserError(f"data.format: found {data.format!r}; allowed: auto, {', '.join(named)}")
        return named[data.format]
    given = tuple(text for each in (data.train, data.val, data.test) if each for text in as_list(each))
    for each in FORMATS:
        if each.recognises(root, given):
            return each
    trees = ", ".join(f"{each.tree} ({each.name})" for each in FORMATS)
    raise UserError(f"{root}: not recognised as a data set. Expected {trees}, or data.format and data.train, data.val")
