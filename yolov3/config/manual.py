"""The settings told: as text for a reader, as a commented YAML that is an experiment."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from yolov3.config.settings import Setting, SettingGroup
from yolov3.files.strict_yaml import write_yaml

WIDEST_TEXT = 100
"""Longer lines are hard to read, however wide the terminal is."""

YAML_HEAD = """\
Settings of an experiment, with the values that they have when nothing is said. Train as they say: yolov3 train THIS_FILE

A value behind a # without a space is the recipe's, or that of the weights and the .cfg which training starts from. Take
the # away to say it yourself."""


def manual_text(groups: Sequence[SettingGroup], *, recipe: str, columns: int) -> str:
    """What the settings of the groups are, for a terminal of so many columns."""
    width = min(columns, WIDEST_TEXT)
    parts = []
    for group in groups:
        if group.name:
            parts.append("\n".join(_wrapped(f"{group.name}: {_small(group.description)}", width, indent="")))
        parts += ["\n".join(_told(setting, recipe, width)) for setting in group.settings]
    return "\n\n".join(parts) + "\n"


def manual_yaml(groups: Sequence[SettingGroup]) -> str:
    """The settings of the groups as an experiment file with comments. Loaded, it is the experiment in which nothing is said
    but the recipe."""
    lines = _comment(YAML_HEAD, "")
    for group in groups:
        indent = "  " if group.name else ""
        lines += ["", *([f"{group.name}:  # {_small(group.description)}"] if group.name else [])]
        for setting in group.settings:
            recipes = "".join(f"; {name}: {value_text(value)}" for name, value in setting.recipes.items())
            told = f"{setting.description} [{setting.allowed}{recipes}]"
            said = f"{setting.key}: {value_text(setting.default)}"
            lines += [*_comment(told, indent), f"{indent}{'#' * setting.is_left_open}{said}"]
    return "\n".join(lines) + "\n"


def value_text(value: Any) -> str:
    """A plain value in one line, as YAML and as a word of the command line."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)  # JSON is YAML
    return write_yaml({"value": value}).removeprefix("value: ").rstrip("\n")


def _told(setting: Setting, recipe: str, width: int) -> list[str]:
    others = [f"recipe {name}: {value_text(value)}" for name, value in setting.recipes.items() if name != recipe]
    lines = [f"{setting.name}={value_text(setting.default)}"]
    for text in (setting.description, setting.allowed, *others):
        lines += _wrapped(text, width, indent="    ")
    return lines


def _comment(text: str, indent: str) -> list[str]:
    paragraphs = [
        _wrapped(" ".join(paragraph.split()), WIDEST_TEXT, indent=f"{indent}# ") for paragraph in text.split("\n\n")
    ]
    return "\n#\n".join(map("\n".join, paragraphs)).splitlines()


def _wrapped(text: str, width: int, *, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _small(sentence: str) -> str:
    """A sentence as the end of a line that has begun already."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")
