"""From the words by which a person names data to a data section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolov3.catalogue.data_files import read_data_file
from yolov3.catalogue.division import has_division
from yolov3.config.experiment import DataSection
from yolov3.config.loading import (
    COMMAND_LINE,
    build_experiment,
    merge,
    read_data_settings,
    read_settings,
    validate_section,
)
from yolov3.config.shipped import find_own, find_shipped, shipped_names
from yolov3.errors import UserError
from yolov3.files.reading import kind_at
from yolov3.files.refusals import named
from yolov3.watching.printable import shortened

ANNOTATION_FOLDERS = ("annotations", "train", "valid", "val", "test")


def resolve_data(text: str | Path) -> DataSection:
    """The data that a person names: a data YAML or an experiment YAML, of theirs or a shipped one, a Darknet ``.data``
    file, a COCO json or a folder. Raises UserError."""
    path = Path(text)
    kind = kind_at(path)
    if kind == "folder":
        return DataSection(root=str(path))
    if kind is None:
        found = find_own(path) or find_shipped(path)
        if found is None:
            raise UserError(
                f"{named(path)}: neither a data YAML nor the folder of a data set exists there; {shipped_names()}"
            )
        path = found
    suffix = path.suffix.lower()
    if suffix == ".json":
        root = path.parent.parent if path.resolve().parent.name.lower() in ANNOTATION_FOLDERS else path.parent
        return DataSection(root=str(root), format="coco", val=str(path.relative_to(root)))
    if suffix == ".data":
        return validate_section(DataSection, read_data_file(path).values, str(path))
    if suffix not in (".yaml", ".yml"):
        raise UserError(f"{path}: expected a data YAML, a .data file, a COCO json or a folder")
    data = read_data_settings(path)
    if data is not None:
        return validate_section(DataSection, data, f"{path}: data")
    return DataSection(file=str(path))


def beside_model(data: DataSection, model: Path) -> DataSection:
    """The data of a model's training. The lists of a division lie in the run's folder, above the model's, wherever that
    is by now."""
    if data.lists is None or not has_division(model.parent.parent):
        return data
    return data.model_copy(update={"lists": str(model.parent.parent)})


def named_section(named: str | Path, overrides: Sequence[str]) -> DataSection:
    """The data that a person names, with ``data.key=value`` laid over it. Raises UserError."""
    return change_data(resolve_data(named), overrides)


def change_data(data: DataSection | None, overrides: Sequence[str]) -> DataSection:
    """``data`` with ``data.key=value`` laid over it. Raises UserError for words about anything else."""
    for override in overrides:
        name = override.partition("=")[0].strip()
        if not name.startswith("data."):
            raise UserError(
                f"{COMMAND_LINE}: {shortened(override)!r}: only data.key=value is understood here, such as data.root=FOLDER"
            )
    given = read_settings(None, overrides).get("data", {})
    base = data.model_dump(mode="json", exclude_defaults=True) if data is not None else {}
    return build_experiment({"data": merge(base, given)}, COMMAND_LINE).data
