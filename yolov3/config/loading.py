"""From a YAML file and words of the command line to an experiment, or to one line that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from yolov3.config.experiment import Experiment, Section
from yolov3.config.recipes import RECIPES
from yolov3.errors import UserError
from yolov3.files.find import find_beside
from yolov3.files.strict_yaml import parse_yaml, read_yaml

SectionKind = TypeVar("SectionKind", bound=Section)

PATH_SETTINGS = (("data", "file"), ("data", "root"), ("model", "cfg"), ("train", "weights"))
"""Settings of an experiment that name a file or a folder that must be there."""


def load_experiment(path: str | Path | None, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and apply ``section.key=value`` overrides.

    Paths in the file are looked for beside it first, then from the current folder; those in overrides from the current
    folder alone. Raises UserError naming the file, the key, what was found and what is allowed.
    """
    return build_experiment(read_settings(path, overrides), str(path) if path else "command line")


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
    given: dict[str, Any] = {}
    missing: dict[str, UserError] = {}
    if path is not None:
        given, missing = _locate_paths(read_yaml(Path(path)), Path(path))
    for override in overrides:
        _apply_override(given, override)
        replaced = override.partition("=")[0].strip()
        missing = {name: error for name, error in missing.items() if not f"{name}.".startswith(f"{replaced}.")}
    if missing:
        raise next(iter(missing.values()))
    return given


def build_experiment(given: dict[str, Any], source: str) -> Experiment:
    """The experiment that plain values describe, on top of their recipe. Raises UserError naming ``source``."""
    recipe = given.get("recipe", "modern")
    base = RECIPES.get(recipe, {}) if isinstance(recipe, str) else {}
    return validate_section(Experiment, merge(base, given), source)


def validate_section(kind: type[SectionKind], values: dict[str, Any], source: str) -> SectionKind:
    """Plain values checked as a section. Raises UserError with one line per wrong key."""
    try:
        # Through JSON, because a strict pydantic model takes a list for a tuple only there.
        return kind.model_validate_json(json.dumps(values))
    except ValidationError as error:
        lines = [f"{source}: {_explain(kind, problem)}" for problem in _distinct(error)]
        raise UserError("\n".join(lines)) from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{source}: {error}") from error


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, mapping by mapping; neither is touched."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


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
        raise UserError(f"{override!r}: expected section.key=value, such as train.epochs=50")
    place = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise UserError(f"{override!r}: {key} is a value, not a section")
    place[keys[-1]] = parse_yaml(text, f"{name.strip()}=")


def _distinct(error: ValidationError) -> list[Any]:
    # A union reports one problem per member; the first of each key says enough.
    found: dict[tuple[Any, ...], Any] = {}
    for problem in error.errors(include_url=False):
        place = tuple(part for part in problem["loc"] if not _is_union_tag(part))
        found.setdefault(place, {**problem, "loc": place})
    return list(found.values())


def _is_union_tag(part: Any) -> bool:
    return isinstance(part, str) and (("[" in part) or part in ("int", "float", "str", "bool"))


def _explain(kind: type[Section], problem: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "settings"
    found = problem.get("input")
    if problem["type"] == "extra_forbidden":
        allowed = ", ".join(_fields_at(kind, problem["loc"][:-1]))
        return f"unknown key {key}; allowed here: {allowed}"
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {reason}"
    return f"{key}: found {json.dumps(found, default=str)}; {reason[0].lower()}{reason[1:]}"


def _fields_at(kind: type[Section], place: tuple[Any, ...]) -> list[str]:
    for part in place:
        annotation = kind.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, Section)):
            return []
        kind = annotation
    return list(kind.model_fields)
