"""The door for files of others: nothing is opened that is no plain file, nothing is read that is larger than it may be.

Whoever reads a file goes through here, or asks :func:`require_file` before a library opens it by its name. So a pipe is never
waited for, a device never read without end, and whatever is wrong with a path is told in a line that begins with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Literal

from yolov3.errors import UserError
from yolov3.files.refusals import cannot, named

Kind = Literal["file", "folder", "other"]
"""What lies at a path: a plain file, a folder, or something else (a pipe, a socket, a device)."""

REFUSALS = (OSError, ValueError)
"""What asking for a path may raise: the system's answer, or for a NUL or letters that are none a ValueError."""


def kind_at(path: Path | str) -> Kind | None:
    """What lies at a path, links followed; None for nothing, links that lead nowhere included. Raises UserError where that
    cannot be told: a name that is too long or none, links that lead round, a folder that may not be entered."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except REFUSALS as error:
        raise cannot(path, "be opened", error) from error
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def is_file(path: Path | str) -> bool:
    """Whether a plain file lies at a path. Raises UserError as :func:`kind_at`."""
    return kind_at(path) == "file"


def is_folder(path: Path | str) -> bool:
    """Whether a folder lies at a path. Raises UserError as :func:`kind_at`."""
    return kind_at(path) == "folder"


def is_there(path: Path | str) -> bool:
    """Whether anything lies at a path. Raises UserError as :func:`kind_at`."""
    return kind_at(path) is not None


def require_file(path: Path | str) -> os.stat_result:
    """What the system says of a plain file that may be read. Raises UserError for everything else, before anybody opens or
    waits for it."""
    with open_file(path) as stream:
        return os.fstat(stream.fileno())


@contextmanager
def open_file(path: Path | str) -> Iterator[BufferedReader]:
    """A plain file, opened for reading its bytes. Raises UserError for what is none, cannot be opened or, within, read."""
    try:
        # Asked before, because opening a device may do something, and again afterwards, when nobody can exchange it.
        _require_plain(path, Path(path).stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as stream:
            _require_plain(path, os.fstat(descriptor).st_mode)
            yield stream
    except UserError:
        raise
    except (OSError, MemoryError) as error:
        raise cannot(path, "be read", error) from error
    except ValueError as error:
        if not _is_about_name(path):
            raise
        raise cannot(path, "be read", error) from error


def read_bytes(path: Path | str, *, most: int, what: str) -> bytes:
    """All bytes of a plain file of at most ``most``; ``what`` it is meant to be (``a list``) is told of a larger one. Raises
    UserError."""
    with open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        # One more is asked for: a file may grow, and those that the system makes up (/proc) say that they have none.
        content = stream.read(most + 1) if size <= most else b""
    if size > most or len(content) > most:
        raise UserError(f"{named(path)}: larger than {most} bytes: not {what}")
    return content


def read_text(path: Path | str, *, most: int, what: str) -> str:
    """The same of a text in UTF-8, with or without a byte order mark. Raises UserError."""
    try:
        return read_bytes(path, most=most, what=what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{named(path)}: not readable as {what}: not a text in UTF-8") from error


def _require_plain(path: Path | str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    kind = next((name for test, name in kinds.items() if test(mode)), "a device")
    raise UserError(f"{named(path)}: cannot be read: {kind}, not a file")


def _is_about_name(path: Path | str) -> bool:
    """Whether the path is none that any system takes."""
    try:
        return b"\0" in os.fsencode(path)
    except UnicodeError:
        return True
