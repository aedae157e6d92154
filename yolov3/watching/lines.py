"""Lines for people. On a terminal they are broken between words, and warnings and errors stand out; elsewhere, as in a
pipe, a line stays one line of plain text. What a line repeats of the names of files and classes is shown as letters."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len

from yolov3.watching.printable import printable_lines

if TYPE_CHECKING:
    from rich.console import Console

WARNING = "warning: "
"""What every warning begins with."""

_COLOURS = {WARNING: "1;33", "yolov3: error: ": "1;31"}  # bold yellow, bold red
_INDENT = 2  # columns that the continuation of a line stands further in


def print_line(line: str, stream: TextIO | None = None) -> None:
    """Write a line (or several) to a stream, by default the standard output, as its reader wants it."""
    stream = sys.stdout if stream is None else stream
    width = terminal_width(stream)
    text = printable_lines(line) if width is None else for_terminal(line, width)
    print(_as_encoded(text, stream), file=stream, flush=True)


def print_on(console: Console, line: str) -> None:
    """Write a line (or several) to a console, above its bar if it has one, as its reader wants it."""
    from rich.text import Text  # too slow to import for one line about a mistake

    text = Text.from_ansi(for_terminal(line, console.width)) if console.is_terminal else Text(printable_lines(line))
    console.print(text, highlight=False, soft_wrap=True)


def for_terminal(text: str, width: int) -> str:
    """The text for a terminal of so many columns: folded, the beginning of warnings and errors in colour."""
    return "\n".join(_coloured(part) for line in printable_lines(text).split("\n") for part in fold(line, width))


def fold(line: str, width: int) -> list[str]:
    """A line as lines of at most ``width`` columns: broken where two spaces or more divide it, within such a part only
    where that is wider itself, and never within a word, so that one that is too long stays whole."""
    if cell_len(line) <= width:
        return [line]
    words = line.lstrip(" ")
    indent = " " * (len(line) - len(words))
    further = indent + " " * _INDENT
    lines, current = [], indent
    for space, word in _pieces(words, width - len(further)):
        if current.strip() and cell_len(f"{current}{space}{word}") > width:
            lines.append(current)
            current = f"{further}{word}"
        else:
            current = f"{current}{space}{word}" if current.strip() else f"{current}{word}"
    return [*lines, current]


class NoteLines(logging.Handler):
    """Shows what modules log on the error output, each once, warnings known by their beginning; of warnings, what differs in
    its numbers alone is the same."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a note or a warning."""
        is_warning = record.levelno >= logging.WARNING
        numbers_alone = is_warning and record.args and all(isinstance(value, int | float) for value in record.args)
        sort = record.msg if numbers_alone else record.getMessage()
        if sort not in self._shown:
            self._shown.add(sort)
            print_line((WARNING if is_warning else "") + record.getMessage(), sys.stderr)


def terminal_width(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream leads to; None where it leads elsewhere."""
    try:
        if not stream.isatty():
            return None
        return int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # closed, or no file at all
        return None


def _as_encoded(text: str, stream: TextIO) -> str:
    """The text with escapes for letters that the stream's encoding has not, such as ASCII's."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _pieces(words: str, width: int) -> list[tuple[str, str]]:
    """What may be divided, each piece with the space before it."""
    pieces: list[tuple[str, str]] = []
    for space, part in re.findall(r"( *)((?:[^ ]| (?! ))+)", words):
        if cell_len(part) <= width:
            pieces.append((space, part))
        else:
            first, *rest = part.split()
            pieces += [(space, first), *((" ", word) for word in rest)]
    return pieces


def _coloured(line: str) -> str:
    if "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return line
    for beginning, code in _COLOURS.items():
        words = beginning.rstrip()  # which may stand alone where the next word is too long
        if f"{line} ".startswith(beginning):
            return f"\x1b[{code}m{words}\x1b[0m{line.removeprefix(words)}"
    return line
