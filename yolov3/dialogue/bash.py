"""Completion for bash, from version 3.2 on (which macOS has), without the package bash-completion."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from yolov3.dialogue.script import filled, indented
from yolov3.dialogue.vocabulary import CommandWords, Vocabulary

_SCRIPT = r"""# Completion of yolov3 for bash, made by: yolov3 completion bash
# Use it with: source <(yolov3 completion bash)

_yolov3_offer() {  # the words of $1 that begin with $value
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$value")
}

_yolov3_offer_files() {
    local word beside="${#COMPREPLY[@]}"  # words that are no files are not to be quoted as files are
    if [ "$beside" -eq 0 ]; then compopt -o filenames 2>/dev/null; fi
    while IFS= read -r word; do
        if [ "$beside" -gt 0 ] && [ -d "$word" ]; then word="$word/"; fi
        COMPREPLY+=("$word")
    done < <(compgen -f -- "$value")
}

_yolov3_offer_settings() {  # $1 is how they begin
    case "$current" in
        *=*)
            value="${current#*=}"
            case "${current%%=*}" in
@VALUES@
            esac
            return ;;
        *.*) _yolov3_offer "@NAMES@" ;;
        *) _yolov3_offer "$1" ;;
    esac
    if [ "${#COMPREPLY[@]}" -gt 0 ]; then compopt -o nospace 2>/dev/null; fi
}

_yolov3() {
    local number
    COMPREPLY=()
    _yolov3_find
    case "$COMP_WORDBREAKS" in *=*) return ;; esac  # what stands before = is no part of the word then
    case "${COMP_LINE:0:COMP_POINT}" in
        *=*)
            for number in "${!COMPREPLY[@]}"; do
                COMPREPLY[number]="${COMP_WORDS[COMP_CWORD]%%=*}=${COMPREPLY[number]}"
            done ;;
    esac
}

_yolov3_find() {
    # bash splits words at = and :, so they are taken from the line.
    local line="${COMP_LINE:0:COMP_POINT}" current previous value words command
    current="${line##*[[:space:]]}"
    read -ra words <<< "${line%"$current"}"
    value="$current"
    previous="${words[${#words[@]} - 1]}"
    case "$current" in
        --*=*) previous="${current%%=*}"; value="${current#*=}" ;;
        *[=:]*) ;;
        *) if [ "${#COMP_WORDS[@]}" -gt 0 ]; then value="${COMP_WORDS[COMP_CWORD]//\\/}"; fi ;;  # with its blanks
    esac
    if [ "${#words[@]}" -le 1 ]; then
        _yolov3_offer "@COMMANDS@"
        return
    fi
    command="${words[1]}"
    if [ "${#words[@]}" -gt 2 ]; then
        case "$command ${words[2]}" in
@TWO_WORDS@
        esac
    fi
    case "$command $previous" in
@FOLLOWING@
    esac
    case "$command $current" in
@OPTIONS@
    esac
    case "$command" in
@PLACES@
    esac
}

complete -F _yolov3 yolov3
"""


def bash_script(vocabulary: Vocabulary) -> str:
    """The script, to be sourced."""
    values = []
    for setting in vocabulary.settings:
        if setting.choices:
            values.append(f"{setting.name}) _yolov3_offer {_words(setting.choices)} ;;")
        elif setting.file:
            values.append(f"{setting.name}) _yolov3_offer_files ;;")
    following, options, places = [], [], []
    for command in vocabulary.commands:
        following += _following(command)
        spellings = [spelling for option in command.options for spelling in option.spellings]
        options.append(f"{shlex.quote(command.name + ' -')}*) _yolov3_offer {_words(spellings)}; return ;;")
        places.append(f"{shlex.quote(command.name)}) {_place(command, vocabulary)} ;;")
    parts = {
        "VALUES": indented(values, 16),
        "NAMES": " ".join(f"{setting.name}=" for setting in vocabulary.settings),
        "COMMANDS": " ".join(command.name for command in vocabulary.first_words),
        "TWO_WORDS": indented(
            (f"{shlex.quote(name)}) command={shlex.quote(name)} ;;" for name in vocabulary.two_words), 12
        ),
        "FOLLOWING": indented(following, 8),
        "OPTIONS": indented(options, 8),
        "PLACES": indented(places, 8),
    }
    return filled(_SCRIPT, parts)


def _following(command: CommandWords) -> list[str]:
    """What stands behind the options of a command, a line each."""
    lines = []
    for option in command.options:
        acts = {"choice": f"_yolov3_offer {_words(option.choices)}; ", "file": "_yolov3_offer_files; ", "text": ""}
        if option.follows in acts:
            patterns = "|".join(shlex.quote(f"{command.name} {spelling}") for spelling in option.spellings)
            lines.append(f"{patterns}) {acts[option.follows]}return ;;")
    return lines


def _place(command: CommandWords, vocabulary: Vocabulary) -> str:
    acts = []
    if command.words:
        acts.append(f"_yolov3_offer {_words(command.words)}")
    if command.settings is not None:
        acts.append(f"_yolov3_offer_settings {_words(vocabulary.beginnings(command.settings))}")
    if command.files:
        acts.append('case "$current" in *=*) ;; *) _yolov3_offer_files ;; esac')
    return "; ".join(acts)


def _words(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))
