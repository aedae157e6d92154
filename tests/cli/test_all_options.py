"""Every option of every command, given what nobody means: it is taken, and then it is a number between two ends, or it is
refused in one line."""

from __future__ import annotations

import argparse
import importlib
import math
import time
from pathlib import Path

import pytest

from yolov3.cli import COMMANDS, SECOND_WORDS, parser_of
from yolov3.dialogue.numbers import Number, WholeNumber
from yolov3.errors import UserError
from yolov3.limits import LARGEST_SEED

NAMES = (*COMMANDS, *(f"{first} {second}" for first, words in SECOND_WORDS.items() for second in words))
BAD = [
    "nan", "-nan", "inf", "-inf", "-1", "0", "-0.0", "1e30", "1e400", "1e-400", str(10**31), str(2**63), str(2**64),
    "9" * 5000, "65536", "320000000", "1:30", "0x20", "1_000", "", " ", "\x1b[2J", "\ud800", "x" * 100_000, "[64,32]", "2,1",
]  # fmt: skip


def module_of(name: str):
    first, _, second = name.partition(" ")
    return importlib.import_module(SECOND_WORDS[first][second] if second else COMMANDS[first])


def needed_words(actions: list[argparse.Action], *, without: argparse.Action) -> list[str]:
    """What a command line must have at least, beside an option."""
    words = []
    for action in actions:
        value = str(next(iter(action.choices))) if action.choices else "a"
        if action is without:
            continue
        if action.option_strings and action.required:
            words += [action.option_strings[0], value]
        elif not action.option_strings and action.nargs is None:
            words.append(value)
    return words


def is_between_ends(value: object) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return all(isinstance(each, int | float) and math.isfinite(each) and abs(each) <= LARGEST_SEED for each in numbers)


@pytest.mark.parametrize("name", NAMES)
def test_a_number_has_a_type_with_two_ends(name):
    for action in parser_of(name)._actions:
        assert action.type in (None, Path) or isinstance(action.type, WholeNumber | Number), action.option_strings
        if isinstance(action.type, WholeNumber | Number) and isinstance(action.default, int | float):
            assert action.type(str(action.default)) == action.default


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_number_is_said_to_be_is_taken_or_told_in_a_line(name):
    command = module_of(name)
    for action in parser_of(name)._actions:
        if not isinstance(action.type, WholeNumber | Number):
            continue
        for text in BAD:
            parser, start = parser_of(name), time.monotonic()
            words = [*needed_words(parser._actions, without=action), f"{action.option_strings[0]}={text}"]
            try:
                arguments = parser.parse_words(words)
                assert time.monotonic() - start < 5
                assert is_between_ends(getattr(arguments, action.dest)), (action.option_strings, text)
                command.parse(arguments)
            except UserError as error:
                message = str(error)
                assert "\n" not in message and len(message) < 1500
                assert message.isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_text_is_said_to_be_is_taken_or_told_in_a_line(name):
    command = module_of(name)
    for action in parser_of(name)._actions:
        if action.type not in (None, Path) or action.nargs == 0 or not action.option_strings:
            continue
        for text in (*BAD, "a\0b", "n" * 300):
            parser = parser_of(name)
            words = [*needed_words(parser._actions, without=action), f"{action.option_strings[0]}={text}"]
            try:
                command.parse(parser.parse_words(words))
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 2100
                str(error).encode()
