"""``yolov3 settings [SECTION]``: what can be set, and a file with all of it to begin with."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from yolov3.config.recipes import RECIPES
from yolov3.dialogue.answer import print_json
from yolov3.dialogue.suggestions import ask, did_you_mean, nearest_settings
from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.config.settings import SettingGroup

HELP = "list all settings of an experiment, or write a file with all of them"


@dataclass(frozen=True)
class SettingWords:
    """Of which section (or of which one setting; None: all), with which recipe's values, in which form."""

    about: str | None
    recipe: str
    form: Literal["text", "yaml", "json"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("about", nargs="?", metavar="SECTION", help="only this section, or this section.key")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="modern", help="whose values are told")
    form = parser.add_mutually_exclusive_group()
    add = form.add_argument
    add("--yaml", dest="form", action="store_const", const="yaml", help="print an experiment file with comments")
    add("--json", dest="form", action="store_const", const="json", help="print JSON, for programs")


def parse(arguments: argparse.Namespace) -> SettingWords:
    """The command's words."""
    return SettingWords(arguments.about, arguments.recipe, arguments.form or "text")


def run(words: SettingWords) -> int:
    """Print the settings. Raises UserError for what is none."""
    from yolov3.config.manual import manual_text, manual_yaml
    from yolov3.config.settings import setting_groups

    groups = _chosen(setting_groups(words.recipe), words.about)
    if words.form == "yaml":
        print(manual_yaml(groups), end="")
    elif words.form == "json":
        print_json(_as_plain(groups))
    else:
        print(manual_text(groups, recipe=words.recipe, columns=shutil.get_terminal_size().columns), end="")
    return 0


def _chosen(groups: tuple[SettingGroup, ...], about: str | None) -> tuple[SettingGroup, ...]:
    """The groups with what is asked about."""
    if about is None:
        return groups
    chosen = [group for group in groups if about == group.name and about]
    chosen += [
        replace(group, settings=(setting,)) for group in groups for setting in group.settings if setting.name == about
    ]
    if not chosen:
        sections = [group.name for group in groups if group.name]
        names = [setting.name for group in groups for setting in group.settings]
        question = did_you_mean(about, sections) or ask(nearest_settings(about, names))
        raise UserError(f"no settings {about!r}{question}; the sections are {', '.join(sections)}")
    return tuple(chosen)


def _as_plain(groups: tuple[SettingGroup, ...]) -> dict[str, object]:
    """Settings by section and key; those without a section by their key."""
    plain: dict[str, object] = {}
    for group in groups:
        values = {setting.key: setting.as_plain() for setting in group.settings}
        plain |= {group.name: values} if group.name else values
    return plain
