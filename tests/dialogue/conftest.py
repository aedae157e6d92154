"""A small command line with awkward texts, and a terminal in which a shell completes it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from yolov3.dialogue.vocabulary import CommandWords, OptionWords, SettingWords, Vocabulary

Typed = Callable[[list[str], list[str], list[str], Path], list[list[str]]]


@pytest.fixture
def vocabulary() -> Vocabulary:
    paint = CommandWords(
        "paint",
        'paint "things": it\'s [easy] \\ $HOME `date`',
        (
            OptionWords(("-h", "--help"), "show this", "nothing"),
            OptionWords(("--colour", "--hue"), "which: 'red' [or] \\green", "choice", ("red", "green", "grey")),
            OptionWords(("--wall",), "a file", "file"),
            OptionWords(("--layers",), "how many", "text"),
        ),
        files=True,
        settings="",
    )
    wash = CommandWords("wash", "wash them", (OptionWords(("--wet",), "with water", "nothing"),), False, None, ("all",))
    hang = CommandWords("hang", "hang it", (), False, "wall.")
    wash_all = CommandWords(
        "wash all", "all of them", (OptionWords(("--soap",), "which", "choice", ("soft", "hard")),), True, None
    )
    settings = (
        SettingWords("recipe", "the beginning", ("old", "new")),
        SettingWords("room.size", "how large: it's $HOME", ()),
        SettingWords("room.lamp", "lit [or] not", ("true", "false")),
        SettingWords("wall.file", "where", (), True),
    )
    return Vocabulary((paint, wash, hang, wash_all), settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The current folder: a file with blanks in its name, and a folder."""
    (tmp_path / "plan one.yaml").write_text("")
    (tmp_path / "walls").mkdir()
    return tmp_path


@pytest.fixture(scope="session")
def type_in_shell() -> Typed:
    """Start a shell in a folder, give it the lines of ``setup``, then type each of ``keys`` (a line with tabs) and let the
    shell print the words of the line as it is then."""

    def typed(shell: list[str], setup: list[str], keys: list[str], folder: Path) -> list[list[str]]:
        if shutil.which(shell[0]) is None:
            pytest.skip(f"{shell[0]} is not installed")
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            os.execvpe(shell[0], shell, environment)
        try:
            for line in (*setup, "echo be''gin"):
                os.write(terminal, f"{line}\n".encode())
            read_until(terminal, "begin\r\n")
            return [words_after(terminal, line) for line in keys]
        finally:
            os.close(terminal)
            os.waitpid(process, 0)

    return typed


def words_after(terminal: int, keys: str) -> list[str]:
    for key in keys:
        os.write(terminal, key.encode())
        if key == "\t":
            time.sleep(0.3)
    os.write(terminal, b"\x01printf '<%s>\\n' \x05\n")  # before the line, which its words are then given to
    os.write(terminal, b"echo e''nd\n")
    printed = read_until(terminal, "end\r\n")
    return re.findall(r"^<(.*)>\r?$", printed, re.MULTILINE)


def read_until(terminal: int, end: str, *, seconds: float = 30) -> str:
    text, stop = "", time.monotonic() + seconds
    while end not in text:
        assert time.monotonic() < stop, text
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text
