"""Completion for fish."""

from __future__ import annotations

from yolov3.dialogue.script import filled
from yolov3.dialogue.vocabulary import CommandWords, OptionWords, Vocabulary

_HEAD = r"""# Completion of yolov3 for fish, made by: yolov3 completion fish
# Use it with: yolov3 completion fish | source

function __yolov3_command --description 'whether this is a line of a command'
    set -l words (commandline -opc)
    test (count $words) -ge 2; or return 1
    set -l name $words[2]
    if test (count $words) -ge 3; and contains -- "$words[2..3]" @TWO_WORDS@
        set name "$words[2..3]"
    end
    test "$name" = "$argv"
end

function __yolov3_file --description 'whether a file may stand here'
    __yolov3_command $argv; and not string match -q '*=*' -- (commandline -ct)
end

function __yolov3_settings
    set -l word (commandline -ct)
    if string match -q '*=*' -- $word
        set -l key (string replace -r '=.*' '' -- $word)
        set -l value (string replace -r '^[^=]*=' '' -- $word)
        switch $key
@VALUES@
        end
    else
        printf '%s\n' @NAMES@ | string match "$argv[1]*"
    end
end

complete -c yolov3 -e
complete -c yolov3 -f
"""


def fish_script(vocabulary: Vocabulary) -> str:
    """The script, to be sourced."""
    values = []
    for setting in vocabulary.settings:
        if setting.choices:
            words = " ".join(f"$key={_quoted(choice)}" for choice in setting.choices)
            values += [f"            case {_quoted(setting.name)}", f"                printf '%s\\n' {words}"]
        elif setting.file:
            values += [
                f"            case {_quoted(setting.name)}",
                "                printf '%s\\n' $key=(__fish_complete_path $value)",
            ]
    names = " ".join(_quoted(f"{setting.name}=\t{setting.help}") for setting in vocabulary.settings)
    two_words = " ".join(map(_quoted, vocabulary.two_words))
    lines = [filled(_HEAD, {"VALUES": "\n".join(values), "NAMES": names, "TWO_WORDS": two_words})]
    for command in vocabulary.commands:
        if command in vocabulary.first_words:
            lines.append(f"complete -c yolov3 -n __fish_use_subcommand -a {command.name} -d {_quoted(command.help)}")
        lines += [_line(command, option) for option in command.options]
        here = f"complete -c yolov3 -n '__yolov3_command {command.name}'"
        if command.words:
            lines.append(f"{here} -a {_quoted(' '.join(command.words))}")
        if command.settings is not None:
            lines.append(f"{here} -a '(__yolov3_settings {command.settings})'")
        if command.files:
            lines.append(f"complete -c yolov3 -n '__yolov3_file {command.name}' -F")
    return "\n".join(lines) + "\n"


def _line(command: CommandWords, option: OptionWords) -> str:
    words = [f"complete -c yolov3 -n '__yolov3_command {command.name}'"]
    words += [f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.spellings]
    words += {
        "nothing": [],
        "choice": ["-x", "-a", _quoted(" ".join(option.choices))],
        "file": ["-r", "-F"],
        "text": ["-x"],
    }[option.follows]
    return " ".join((*words, "-d", _quoted(option.help)))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
