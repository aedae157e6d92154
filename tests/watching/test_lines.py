"""Lines: broken between words on a terminal and nowhere else, warnings in colour where there are colours."""

from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
import sys

import pytest
from rich.cells import cell_len

from yolov3.watching.lines import NoteLines, fold, for_terminal, print_line, terminal_width

EPOCH = "epoch 12/300  box 8.235  obj 13.948  AP50 0.020  AP 0.005 (0.002 on training images)  63.6 images/s"


@pytest.mark.parametrize("width", [12, 20, 35, 50, 80, 200])
@pytest.mark.parametrize(
    "line",
    [EPOCH, "data: one two three four five six seven eight nine ten", "  indented 猫猫 猫猫猫 猫 and more words 猫"],
)
def test_nothing_is_lost_and_no_word_is_broken(line, width):
    lines = fold(line, width)
    assert " ".join(lines).split() == line.split()
    assert all(cell_len(part) <= width for part in lines)
    assert lines == [line] if cell_len(line) <= width else len(lines) > 1


def test_what_two_spaces_divide_stays_together_where_it_can():
    assert fold(EPOCH, 50) == [
        "epoch 12/300  box 8.235  obj 13.948  AP50 0.020",
        "  AP 0.005 (0.002 on training images)",
        "  63.6 images/s",
    ]


def test_a_continuation_stands_further_in_than_its_line():
    assert fold("    a line that stands in", 16) == ["    a line that", "      stands in"]


def test_a_word_that_is_too_long_stays_whole():
    path = "/a/very/long/path/that/nobody/can/break/weights/best.pt"
    assert fold(f"written: {path}, and more", 20) == ["written:", f"  {path},", "  and more"]
    assert fold(path, 20) == [path]


def test_the_beginning_of_warnings_and_errors_stands_out(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert for_terminal("warning: mind the gap", 80) == "\x1b[1;33mwarning:\x1b[0m mind the gap"
    assert for_terminal("yolov3: error: no", 80) == "\x1b[1;31myolov3: error:\x1b[0m no"
    assert for_terminal("a: 1\nwarning: b", 80) == "a: 1\n\x1b[1;33mwarning:\x1b[0m b"
    assert for_terminal("yolov3: error: /a/long/path", 15) == "\x1b[1;31myolov3: error:\x1b[0m\n  /a/long/path"
    assert for_terminal("no warning: at all", 80) == "no warning: at all"
    monkeypatch.setenv("NO_COLOR", "")
    assert for_terminal("warning: mind the gap", 80) == "warning: mind the gap"


def test_elsewhere_a_line_stays_a_line(capsys):
    print_line("warning: " + "word " * 100)
    print_line("two\nlines", sys.stderr)
    assert capsys.readouterr() == ("warning: " + "word " * 100 + "\n", "two\nlines\n")
    assert terminal_width(io.StringIO()) is None


def shown_on_a_terminal(code: str, columns: int) -> str:
    """What a program writes to its standard output that is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # so a terminal says that its program has ended
                break
    os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def test_a_real_terminal_gets_folded_lines():
    code = f"from yolov3.watching.lines import print_line; print_line({EPOCH!r}); print_line('warning: a b')"
    assert shown_on_a_terminal(code, 50) == "\n".join((*fold(EPOCH, 50), "\x1b[1;33mwarning:\x1b[0m a b", ""))


def test_what_is_logged_is_said_once_and_warnings_are_of_the_same_kind(capsys):
    logger, lines = logging.Logger("a.module"), NoteLines()
    logger.addHandler(lines)
    for count in (1, 2):
        logger.warning("%d predictions were dropped", count)
        logger.info("its .cfg is taken")
        for file in ("a.weights", "b.weights"):
            logger.warning("%s: odd", file)
    assert capsys.readouterr() == (
        "",
        "warning: 1 predictions were dropped\nits .cfg is taken\nwarning: a.weights: odd\nwarning: b.weights: odd\n",
    )  # fmt: skip
