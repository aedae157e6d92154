"""argparse with our manners: a mistake is a UserError in one line that says what was probably meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from yolov3.dialogue.suggestions import ask, did_you_mean, nearest_settings
from yolov3.errors import UserError
from yolov3.watching.printable import quoted, shortened

SETTINGS = {"section.key=value": "", "data.key=value": "data."}
"""The metavars of arguments that take settings, and with what their names begin."""

LONGEST_COMPLAINT = 600
"""Letters of argparse's own words, which repeat what was given."""

_NUMBER = re.compile(r"-\d+$|-\d*\.\d+$")


class WordParser(argparse.ArgumentParser):
    """The parser of a command ``yolov3 NAME``. ``settings`` names the settings there are, for commands that take some; it is
    asked only when a word is wrong."""

    def __init__(self, name: str, *, description: str, settings: Callable[[], Sequence[str]]) -> None:
        super().__init__(
            prog=f"yolov3 {name}", description=description, allow_abbrev=False, formatter_class=_HelpFormatter
        )
        self._name, self._settings = name, settings
        self._words: Sequence[str] = ()

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say; options may stand anywhere. Raises UserError, and SystemExit after printing the help."""
        self._words = words
        self._refuse_unknown_options()
        return self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        """Raise UserError for what argparse found wrong."""
        given = " ".join(self._options_without_dashes())
        meant = ask([given]) if given else ""
        told = shortened(message.removeprefix("argument "), LONGEST_COMPLAINT)
        raise UserError(f"{self._name}: {told}{meant}; see yolov3 {self._name} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            question = did_you_mean(str(value), choices)
            raise argparse.ArgumentError(
                action, f"found {quoted(value)}{question}; must be one of {', '.join(choices)}"
            )

    def _refuse_unknown_options(self) -> None:
        # argparse complains first of what is missing, and that is often what stands there with a wrong letter.
        options = options_of(self)
        for number, word in enumerate(self._words):
            name, equals, value = word.partition("=")
            if name in options or not word.startswith("-") or len(word) == 1 or " " in word or _NUMBER.match(word):
                continue
            following = self._words[number + 1 : number + 2]
            if not equals and following and not following[0].startswith("-"):
                value = following[0]
            meant = self._meant(name, value)
            raise UserError(f"{self._name}: no option {shortened(name)}{meant}; see yolov3 {self._name} --help")

    def _meant(self, name: str, value: str) -> str:
        """The option, or the setting, that is most like an unknown option."""
        near = did_you_mean(name, options_of(self))
        beginning = settings_taken(self)
        if near or beginning is None:
            return near
        names = [setting for setting in self._settings() if setting.startswith(beginning)]
        settings = nearest_settings(name.lstrip("-").replace("-", "_"), names)
        return ask(f"{setting}={value}" for setting in settings)

    def _options_without_dashes(self) -> list[str]:
        """The options that were perhaps meant by words like ``weights=best.pt``."""
        options = options_of(self)
        pairs = [word.partition("=") for word in self._words if "=" in word]
        return [f"--{name} {value}" for name, _, value in pairs if f"--{name}" in options]


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Tells the defaults, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """All spellings of the options of a parser."""
    return [option for action in parser._actions for option in action.option_strings]


def settings_taken(parser: argparse.ArgumentParser) -> str | None:
    """With what the settings begin that a parser takes as words: nothing for all of them; None where it takes none."""
    found = [SETTINGS[str(action.metavar)] for action in parser._actions if str(action.metavar) in SETTINGS]
    return min(found, default=None)
