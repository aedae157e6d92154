"""Which data set is meant, in which format, and where its splits lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from yolov3.config.experiment import DataSection
from yolov3.config.loading import merge, validate_section
from yolov3.datasets.assemble import list_files
from yolov3.datasets.coco import read_coco
from yolov3.datasets.darknet_data import read_data
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.voc import read_voc
from yolov3.datasets.yolo import read_yolo
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.strict_yaml import read_yaml

Split = Literal["train", "val", "test"]

_READERS = {"coco": read_coco, "voc": read_voc, "yolo": read_yolo}
_SPLIT_NAMES = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def open_dataset(data: DataSection, split: Split) -> Dataset:
    """The samples of a split. With ``data.overfit`` every split is the first N training pictures.

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
        data = data.model_copy(update={split: _default_split(root, kind, split)})
    dataset = _READERS[kind](data, root, split)
    if not dataset.samples:
        raise UserError(f"{dataset.source}: no images in it")
    return dataset.first(data.overfit) if data.overfit else dataset


def resolve_data(text: str | Path) -> DataSection:
    """The data that a person names: a data YAML, an experiment YAML, a Darknet ``.data`` file, a COCO json or a folder.
    Raises UserError."""
    path = Path(text)
    if path.is_dir():
        return DataSection(root=str(path))
    if not path.exists():
        raise UserError(f"{path}: neither a data YAML nor the folder of a data set exists there")
    suffix = path.suffix.lower()
    if suffix == ".json":
        return DataSection(root=str(path.parent.parent), format="coco", val=str(Path(path.parent.name) / path.name))
    if suffix == ".data":
        return validate_section(DataSection, _read_darknet_data(path), str(path))
    if suffix not in (".yaml", ".yml"):
        raise UserError(f"{path}: expected a data YAML, a .data file, a COCO json or a folder")
    content = read_yaml(path)
    if isinstance(content.get("data"), dict):
        return validate_section(DataSection, content["data"], f"{path}: data")
    return DataSection(file=str(path))


def _with_file(data: DataSection) -> DataSection:
    """``data`` laid over the keys of its data YAML."""
    if data.file is None:
        return data
    path = Path(data.file)
    values = _read_data_yaml(path)
    given = data.model_dump(mode="json", exclude_defaults=True)
    given.pop("file")
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
    values["root"] = str(_relative_to(path.parent, root))
    return values


def _relative_to(folder: Path, text: str) -> Path:
    """A path in a data YAML counts from the YAML's folder if it leads somewhere from there, else from the current one."""
    beside = folder / text
    return beside if beside.exists() or Path(text).is_absolute() else Path(text)


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


def _format_of(data: DataSection, root: Path) -> str:
    """The stated format, or the one that the folder shows."""
    if data.format != "auto":
        return data.format
    named = [text for given in (data.train, data.val, data.test) if given for text in _as_list(given)]
    if any(text.endswith(".json") for text in named):
        return "coco"
    if (root / "ImageSets" / "Main").is_dir() or any("ImageSets" in text for text in named):
        return "voc"
    if any(name.endswith(".json") for name in list_files(root / "annotations")):
        return "coco"
    if named or any((root / name).is_dir() for name in ("images", "labels", "train")):
        return "yolo"
    raise UserError(
        f"{root}: not recognised as a data set. Expected annotations/*.json (COCO), ImageSets/Main/*.txt (VOC), "
        "images/ and labels/ (YOLO), or data.format and data.train, data.val"
    )


def _default_split(root: Path, kind: str, split: str) -> str | None:
    """Where a split lies when nobody says: None leaves it to the reader to complain."""
    names = _SPLIT_NAMES[split]
    if kind == "coco":
        return _coco_file(root, names)
    if kind == "voc":
        return next((name for name in names if (root / "ImageSets" / "Main" / f"{name}.txt").is_file()), split)
    places = [place for name in names for place in (f"images/{name}", f"{name}/images", f"{name}.txt", name)]
    return next((place for place in places if (root / place).exists()), None)


def _coco_file(root: Path, names: tuple[str, ...]) -> str:
    files = sorted(name for name in list_files(root / "annotations") if name.endswith(".json"))
    boxes = [file for file in files if not file.startswith(("captions_", "person_keypoints_", "panoptic_"))]
    fitting = [file for file in boxes if any(f"_{name}" in f"_{file}" for name in names)]
    if len(fitting) != 1:
        found = ", ".join(fitting or files) or "none"
        raise UserError(
            f"{root / 'annotations'}: which file is the {names[0]} split? Give data.{names[0]}; found: {found}"
        )
    return f"annotations/{fitting[0]}"


def _as_list(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given
