"""From a YAML file and words of the command line to an experiment, or to one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolov3.config.complaints import Complaint, SectionKind, check
from yolov3.config.experiment import Experiment
from yolov3.config.recipes import RECIPES
from yolov3.config.shipped import find_config
from yolov3.errors import UserError
from yolov3.files.find import find_beside
from yolov3.files.strict_yaml import parse_yaml, read_yaml
from yolov3.watching.printable import quoted, shortened

COMMAND_LINE = "command line"
"""What is named where no file is to blame."""

PATH_SETTINGS = (("data", "file"), ("data", "root"), ("data", "lists"), ("model", "cfg"), ("train", "weights"))
"""Settings of an experiment that name a file or a folder that must be there."""

DATA_FILE_KEYS = {"root", "path", "format", "val", "names", "nc"}
"""Keys that a data file has and an experiment has not."""


def load_experiment(path: str | Path | None, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and apply ``section.key=value`` overrides. A name that is no file here may be that of a
    shipped one (yolov3/config/shipped.py); a data file is the default experiment on its data.

    Paths in the file are looked for beside it first, then from the current folder; those in overrides from the current
    folder alone. Raises UserError naming the file or the command line, the key, what was found and what is allowed.
    """
    experiment = check(Experiment, _on_recipe(read_settings(path, overrides)))
    if isinstance(experiment, Experiment):
        return experiment
    # What is wrong in the file whatever the overrides say is the file's fault.
    alone = check(Experiment, _on_recipe(_read_file(path)[0]))
    of_file = [] if isinstance(alone, Experiment) else alone
    lines = [
        f"{path}: {complaint.line()}" if complaint in of_file else _blame(complaint, overrides)
        for complaint in experiment
    ]
    raise UserError(*lines)


def read_data_settings(path: Path) -> dict[str, Any] | None:
    """The data section of an experiment file, its paths as they are found; None in a file that has none. Raises
    UserError."""
    located, missing = _locate_paths({"data": read_yaml(path).get("data")}, path)
    if missing:
        raise next(iter(missing.values()))
    return located["data"] if isinstance(located["data"], dict) else None


def read_settings(path: str | Path | None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What an experiment file and overrides say, as plain values that are not checked yet but for the paths of the file,
    which lead somewhere. Raises UserError."""
    given, missing = _read_file(path)
    for override in overrides:
        _apply_override(given, override)
        replaced = override.partition("=")[0].strip()
        missing = {name: error for name, error in missing.items() if not f"{name}.".startswith(f"{replaced}.")}
    if missing:
        raise next(iter(missing.values()))
    return given


def build_experiment(given: dict[str, Any], source: str) -> Experiment:
    """The experiment that plain values describe, on top of their recipe. Raises UserError naming ``source``."""
    return validate_section(Experiment, _on_recipe(given), source)


def validate_section(kind: type[SectionKind], values: dict[str, Any], source: str) -> SectionKind:
    """Plain values checked as a section. Raises UserError with one line per wrong key."""
    section = check(kind, values)
    if isinstance(section, list):
        raise UserError(*(f"{source}: {complaint.line()}" for complaint in section))
    return section


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, mapping by mapping; neither is touched."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _read_file(path: str | Path | None) -> tuple[dict[str, Any], dict[str, UserError]]:
    """The values of an experiment file (none: nothing) and the complaints about its paths."""
    if path is None:
        return {}, {}
    file = find_config(path)
    values = read_yaml(file)
    return ({"data": {"file": str(file)}}, {}) if _is_data_file(values) else _locate_paths(values, file)


def _on_recipe(given: dict[str, Any]) -> dict[str, Any]:
    recipe = given.get("recipe", "modern")
    return merge(RECIPES.get(recipe, {}) if isinstance(recipe, str) else {}, given)


def _blame(complaint: Complaint, overrides: Sequence[str]) -> str:
    """A complaint about the overrides, with the value that the word has that it is about."""
    place = ".".join(map(str, complaint.place))
    values = [
        value
        for name, _, value in (each.partition("=") for each in overrides)
        if f"{name.strip()}.".startswith(f"{place}.")
    ]
    return f"{COMMAND_LINE}: {complaint.line(values[-1] if values else None)}"


def _is_data_file(values: dict[str, Any]) -> bool:
    own = set(Experiment.model_fields) - {"train"}  # a section there, a split here
    return bool(DATA_FILE_KEYS & set(values)) and not own & set(values) and not isinstance(values.get("train"), dict)


def _locate_paths(given: dict[str, Any], file: Path) -> tuple[dict[str, Any], dict[str, UserError]]:
    """The values of an experiment file with its paths as they are found, and the complaints about those that are not."""
    located = {key: dict(value) if isinstance(value, dict) else value for key, value in given.items()}
    missing = {}
    for section, key in PATH_SETTINGS:
        values = located.get(section)
        if not isinstance(values, dict) or not isinstance(values.get(key), str):
            continue  # absent, or wrong in a way that is told later
        try:
            values[key] = str(find_beside(file, values[key], what=f"{section}.{key}"))
        except UserError as error:
            if section == "train" and not Path(values[key]).suffix:
                continue  # the stem of weights, or the name of known ones
            missing[f"{section}.{key}"] = error
    return located, missing


def _apply_override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"{COMMAND_LINE}: {quoted(override)}: expected section.key=value, such as train.epochs=50")
    place = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise UserError(f"{COMMAND_LINE}: {quoted(override)}: {shortened(key)} is a value, not a section")
    place[keys[-1]] = parse_yaml(text, f"{COMMAND_LINE}: {shortened(name.strip())}=")
