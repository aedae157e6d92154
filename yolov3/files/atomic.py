"""Files that are either the old one or the new one, never half of either.

Written to a temporary file in the same folder, fsynced, renamed over the old one, the folder fsynced. A temporary file
left by a killed process is named ``.NAME.tmp`` and is overwritten by the next attempt.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from yolov3.errors import UserError
from yolov3.files.reading import open_file


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a new file that then takes ``path``'s place.

    Raises UserError naming the file and the reason when it cannot be written; the old file is whole then.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        _discard(temporary)
        reason: BaseException = error
        if isinstance(error, RuntimeError):
            # torch reports a full disk in this way, after the system's own error or in place of it.
            if isinstance(error.__context__, OSError):
                reason = error.__context__
            elif "PytorchStreamWriter" not in str(error):
                raise  # any other is a fault of ours
        raise UserError(f"{path}: cannot be written: {reason}") from error


def write_text_atomically(path: Path, text: str) -> None:
    """The same for a text, as UTF-8."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_together(paths: Sequence[Path], write: Callable[[Path, Path], object]) -> None:
    """Let ``write(path, place)`` write what is to become each file to a place beside it; when all are written, each takes
    its place. Raises what ``write`` raises; the old files are whole then."""
    places = {path: path.with_name(f".{path.name}.new") for path in paths}
    try:
        for path, place in places.items():
            try:
                write(path, place)
            except UserError as error:  # people know the file by the name it is to have
                raise UserError(str(error).replace(place.name, path.name)) from error
        for path, place in places.items():
            place.replace(path)
    finally:
        for place in places.values():
            _discard(place)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is one of many, without waiting for the disk; of one that could not be written whole nothing
    stays (links and devices are the user's, and do). Raises UserError naming the file and the reason."""
    try:
        path.write_bytes(content)
    except OSError as error:
        with contextlib.suppress(OSError):
            if stat.S_ISREG(path.lstat().st_mode):
                path.unlink()
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def file_sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file. Raises UserError for one that cannot be read."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
