"""Completion for zsh."""

from __future__ import annotations

import re
import shlex

from yolov3.dialogue.script import filled, indented
from yolov3.dialogue.vocabulary import CommandWords, OptionWords, Vocabulary

_SCRIPT = r"""#compdef yolov3
# Completion of yolov3 for zsh, made by: yolov3 completion zsh
# Use it with: source <(yolov3 completion zsh)   (after compinit), or as a file _yolov3 in a folder of $fpath

_yolov3_settings() {  # the words given are how they begin
    local -a names
    if [[ $PREFIX == *=* ]]; then
        local key=${PREFIX%%=*}
        compset -P '*='
        case $key in
@VALUES@
        esac
    elif [[ $PREFIX == *.* ]]; then
        names=(
@NAMES@
        )
        _describe -t settings setting names -S ''
    else
        compadd -S '' -- "$@"
    fi
}

_yolov3() {
    local -a commands
    if (( CURRENT == 2 )); then
        commands=(
@COMMANDS@
        )
        _describe -t commands command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    if (( CURRENT > 2 )); then
        case "$command $words[2]" in
@TWO_WORDS@
        esac
    fi
    case $command in
@CASES@
    esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _yolov3 "$@"; else compdef _yolov3 yolov3; fi
"""


def zsh_script(vocabulary: Vocabulary) -> str:
    """The script, to be sourced or autoloaded."""
    values = []
    for setting in vocabulary.settings:
        if setting.choices:
            values.append(f"{setting.name}) compadd -- {' '.join(map(shlex.quote, setting.choices))} ;;")
        elif setting.file:
            values.append(f"{setting.name}) _files ;;")
    names = [_entry(f"{setting.name}=", setting.help) for setting in vocabulary.settings]
    commands = [_entry(command.name, command.help) for command in vocabulary.first_words]
    cases = [line for command in vocabulary.commands for line in _case(command, vocabulary)]
    two_words = [
        f"{shlex.quote(name)}) command={shlex.quote(name)}; shift words; (( CURRENT-- )) ;;"
        for name in vocabulary.two_words
    ]
    parts = {
        "VALUES": indented(values, 12),
        "NAMES": indented(names, 12),
        "COMMANDS": indented(commands, 12),
        "TWO_WORDS": indented(two_words, 12),
        "CASES": indented(cases, 8),
    }
    return filled(_SCRIPT, parts)


def _case(command: CommandWords, vocabulary: Vocabulary) -> list[str]:
    """The branch of a command: what _arguments is told of its options and of its other words."""
    specifications = [each for option in command.options for each in _specifications(option)]
    settings = None
    if command.settings is not None:
        settings = " ".join(("_yolov3_settings", *vocabulary.beginnings(command.settings)))
    if command.words:
        specifications.append(f"*:word:({' '.join(command.words)})")
    elif settings and command.files:
        specifications.append(f"*: : _alternative 'settings:setting:{settings}' 'files:file:_files'")
    elif settings:
        specifications.append(f"*: : {settings}")
    elif command.files:
        specifications.append("*:file:_files")
    lines = [f"    {shlex.quote(each)} \\" for each in specifications]
    return [f"{shlex.quote(command.name)}) _arguments -s -S \\", *lines[:-1], lines[-1].removesuffix(" \\"), "    ;;"]


def _specifications(option: OptionWords) -> list[str]:
    others = f"({' '.join(option.spellings)})" if len(option.spellings) > 1 else ""
    value = {
        "nothing": "",
        "choice": f":value:({' '.join(option.choices)})",
        "file": ":file:_files",
        "text": ":value: ",
    }[option.follows]
    text = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
    equals = "=" if option.follows != "nothing" else ""
    return [
        f"{others}{spelling}{equals if spelling.startswith('--') else ''}[{text}]{value}"
        for spelling in option.spellings
    ]


def _entry(word: str, text: str) -> str:
    return shlex.quote(f"{word}:{text}")
