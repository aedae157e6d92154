"""``yolov3 completion SHELL``: a script with which a shell finishes commands, options, choices and settings."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolov3.dialogue.vocabulary import Vocabulary

HELP = "print a script that lets a shell complete commands, options and settings"

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class CompletionWords:
    """For which shell."""

    shell: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help="use it with: source <(yolov3 completion bash)")


def parse(arguments: argparse.Namespace) -> CompletionWords:
    """The command's words."""
    return CompletionWords(arguments.shell)


def run(words: CompletionWords) -> int:
    """Print the script."""
    from yolov3.dialogue.bash import bash_script
    from yolov3.dialogue.fish import fish_script
    from yolov3.dialogue.zsh import zsh_script

    scripts = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
    print(scripts[words.shell](vocabulary()), end="")
    return 0


def vocabulary() -> Vocabulary:
    """All words that the command line takes."""
    from yolov3.cli import COMMANDS, SECOND_WORDS, parser_of
    from yolov3.config.settings import PATHS, setting_groups
    from yolov3.dialogue.vocabulary import SettingWords, Vocabulary, words_of
    from yolov3.downloads.manifest import known_files

    groups = setting_groups()
    settings = [setting for group in groups for setting in group.settings]
    further = {
        "settings": [*(group.name for group in groups if group.name), *(setting.name for setting in settings)],
        "download": list(known_files()),
        **{first: list(seconds) for first, seconds in SECOND_WORDS.items()},
    }
    two_words = [f"{first} {second}" for first, seconds in SECOND_WORDS.items() for second in seconds]
    return Vocabulary(
        tuple(words_of(parser_of(name), name, further.get(name, ())) for name in (*COMMANDS, *two_words)),
        tuple(
            SettingWords(setting.name, setting.description, setting.choices, setting.name in PATHS)
            for setting in settings
        ),
    )
