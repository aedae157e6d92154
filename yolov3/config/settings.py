"""What settings there are: their names, defaults, ranges, choices and meaning, told from the types of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yolov3.config.experiment import LEFT_TO_WEIGHTS, Experiment
from yolov3.config.kinds import Section, section_of
from yolov3.config.learning import box_losses
from yolov3.config.loading import PATH_SETTINGS, build_experiment
from yolov3.config.recipes import RECIPES
from yolov3.limits import LARGEST_COUNT, LARGEST_NUMBER

DEFAULT_RECIPE: str = Experiment.model_fields["recipe"].default

PATHS = (*map(".".join, PATH_SETTINGS), "train.output")
"""Settings that name a file or a folder, be it there or not."""


@dataclass(frozen=True)
class Setting:
    """A setting: its ``section`` (empty for the recipe) and ``key``, the plain value it has when nothing is said, what it is,
    and its JSON schema. ``recipes`` has a value per recipe where recipes differ."""

    section: str
    key: str
    default: Any
    description: str
    schema: Mapping[str, Any]
    recipes: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As it is said on the command line: ``section.key``."""
        return f"{self.section}.{self.key}" if self.section else self.key

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        return f"one of {', '.join(box_losses())}" if "names" in self.schema else describe(self.schema)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it may be, where they can be counted without importing anything slow."""
        if self.schema.get("type") == "boolean":
            return ("true", "false")
        return tuple(map(str, self.schema.get("enum", ())))

    @property
    def is_left_open(self) -> bool:
        """Whether it matters that an experiment does not say it: a recipe, weights or a .cfg may say it then."""
        return bool(self.recipes) or (self.section == "model" and self.key in LEFT_TO_WEIGHTS)

    def as_plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "default": self.default,
            "description": self.description,
            "allowed": self.allowed,
            "recipes": dict(self.recipes),
            "schema": dict(self.schema),
        }


@dataclass(frozen=True)
class SettingGroup:
    """A section: its name, what it is about and its settings. The group of the settings without a section has no name."""

    name: str
    description: str
    settings: tuple[Setting, ...]


def setting_groups(recipe: str = DEFAULT_RECIPE) -> tuple[SettingGroup, ...]:
    """All settings in their order, with the defaults they have under a recipe."""
    by_recipe = {name: build_experiment({"recipe": name}, name).as_plain() for name in RECIPES}
    plain = by_recipe[recipe]
    alone, groups = [], []
    for name in Experiment.model_fields:
        kind = section_of(Experiment, name)
        if kind is None:
            alone.append(name)
            continue
        settings = _settings_of(kind, name, plain[name], {other: each[name] for other, each in by_recipe.items()})
        groups.append(SettingGroup(name, kind.__doc__ or "", settings))
    own = tuple(setting for setting in _settings_of(Experiment, "", plain, {}) if setting.key in alone)
    return (SettingGroup("", Experiment.__doc__ or "", own), *groups)


def all_settings(recipe: str = DEFAULT_RECIPE) -> dict[str, Setting]:
    """All settings by their names."""
    return {setting.name: setting for group in setting_groups(recipe) for setting in group.settings}


def describe(schema: Mapping[str, Any], *, many: bool = False) -> str:
    """What a JSON schema allows, in words: of one value, or of ``many`` that all are so."""
    if "anyOf" in schema:
        *first, last = [describe(each) for each in schema["anyOf"]]
        return f"{', '.join(first)} or {last}"
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kind = schema["type"]
    if kind == "array":
        inside = schema.get("prefixItems")  # all of one kind, here
        count = f"{len(inside)} " if inside else ""
        return f"list{'s' * many} of {count}{describe(inside[0] if inside else schema['items'], many=True)}"
    if kind == "object":
        return f"mapping from numbers to {describe(schema['additionalProperties'], many=True)}"
    if kind in ("boolean", "null"):
        return {"boolean": "true or false", "null": "null"}[kind]
    words = {"string": "text", "integer": "whole number", "number": "number"}[kind]
    return f"{words}{'s' * many}{_range(schema)}"


def _range(schema: Mapping[str, Any]) -> str:
    if schema.get("maximum") in (LARGEST_COUNT, LARGEST_NUMBER):  # beyond what anybody means
        schema = {key: value for key, value in schema.items() if key != "maximum"}
    if {"minimum", "maximum"} <= set(schema):
        return f" from {_number(schema['minimum'])} to {_number(schema['maximum'])}"
    ends = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    told = [f"{words} {_number(schema[end])}" for end, words in ends.items() if end in schema]
    return " " + " and ".join(told) if told else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _settings_of(
    kind: type[Section], section: str, values: Mapping[str, Any], by_recipe: Mapping[str, Mapping[str, Any]]
) -> tuple[Setting, ...]:
    found = []
    for key, schema in kind.model_json_schema()["properties"].items():
        facts = {name: fact for name, fact in schema.items() if name not in ("default", "description", "title")}
        recipes = {name: plain[key] for name, plain in by_recipe.items()}
        differ = any(value != values[key] for value in recipes.values())
        description = schema.get("description", "")
        found.append(Setting(section, key, values[key], description, facts, recipes if differ else {}))
    return tuple(found)
