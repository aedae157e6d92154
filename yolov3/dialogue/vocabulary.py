"""Which words a command line may have, as shells need it: told from the parsers of its commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolov3.dialogue.numbers import Number, WholeNumber
from yolov3.dialogue.parser import SETTINGS, WordParser, settings_taken

Follows = Literal["nothing", "choice", "file", "text"]
"""What stands behind an option: nothing, one of its choices, a file, or what nobody can know."""


@dataclass(frozen=True)
class OptionWords:
    """An option: its ``spellings``, what it is for, and what follows."""

    spellings: tuple[str, ...]
    help: str
    follows: Follows
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommandWords:
    """A command: its ``options``, whether ``files`` may stand there, with what ``settings`` begin that may (nothing: all may;
    None: none), and further ``words``. The ``name`` may be of two words, the first of which is a command of its own."""

    name: str
    help: str
    options: tuple[OptionWords, ...]
    files: bool
    settings: str | None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingWords:
    """A setting ``section.key``: what it is, its choices, and whether it names a file."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    file: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """All commands, and the settings that some of them take."""

    commands: tuple[CommandWords, ...]
    settings: tuple[SettingWords, ...]

    @property
    def first_words(self) -> tuple[CommandWords, ...]:
        """The commands that a line may begin with."""
        return tuple(command for command in self.commands if " " not in command.name)

    @property
    def two_words(self) -> list[str]:
        """The names of two words."""
        return [command.name for command in self.commands if " " in command.name]

    def beginnings(self, start: str = "") -> list[str]:
        """How settings begin of those that begin with ``start``: ``train.`` in a section, ``recipe=`` in none."""
        names = (setting.name for setting in self.settings if setting.name.startswith(start))
        return list(dict.fromkeys(f"{name.partition('.')[0]}{'.' if '.' in name else '='}" for name in names))


def words_of(parser: WordParser, name: str, words: Sequence[str] = ()) -> CommandWords:
    """The words of a command by its parser. ``words`` are those that it takes and the parser does not know."""
    actions = parser._actions
    positionals = [action for action in actions if not action.option_strings and action.nargs != argparse.SUPPRESS]
    known = [str(choice) for action in positionals for choice in action.choices or ()]
    return CommandWords(
        name=name,
        help=parser.description or "",
        options=tuple(_option(action) for action in actions if action.option_strings),
        files=not (known or words) and any(_is_file(action) for action in positionals),
        settings=settings_taken(parser),
        words=(*known, *words),
    )


def _option(action: argparse.Action) -> OptionWords:
    help_text = " ".join((action.help or "").split())
    choices = tuple(map(str, action.choices or ()))
    return OptionWords(tuple(action.option_strings), help_text, _follows(action), choices)


def _is_file(positional: argparse.Action) -> bool:
    return positional.metavar not in SETTINGS and _follows(positional) == "file"


def _follows(action: argparse.Action) -> Follows:
    if action.nargs == 0:
        return "nothing"
    if action.choices:
        return "choice"
    if isinstance(action.type, WholeNumber | Number):
        return "text"
    # A plain text is perhaps a path where it is named as a thing of its own: --source S, and not --device.
    named = action.metavar is not None or not action.option_strings
    return "file" if action.type is Path or named else "text"
