"""Files that are either the old one or the new one, never half of either.

Written to a temporary file in the same folder (:mod:`yolov3.files.temporary`), fsynced, renamed over the old one, the
folder fsynced. Of two writers of one file the last one wins whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from yolov3.errors import UserError
from yolov3.files.reading import open_file
from yolov3.files.temporary import sync_folder, temporary_file, temporary_folder
from yolov3.files.unwritable import unwritable


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a new file that then takes ``path``'s place.

    Raises UserError naming the file, the reason and the free bytes when it cannot be written; the old file is whole then.
    """
    with written_beside(path, write) as temporary:
        temporary.replace(path)
        sync_folder(path.parent)


@contextlib.contextmanager
def written_beside(path: Path, write: Callable[[IO[bytes]], object]) -> Iterator[Path]:
    """Let ``write`` fill a new file that is to become ``path``, and wait until it is on the disk: its place, from which it
    is to be renamed in here. Raises UserError, also for the system's errors in here, as :func:`write_atomically`."""
    try:
        with temporary_file(path) as (stream, temporary):
            _write_through(stream, write)
            stream.flush()
            os.fsync(stream.fileno())
            yield temporary
    except OSError as error:
        raise unwritable(path, error) from error


def write_text_atomically(path: Path, text: str) -> None:
    """The same for a text, as UTF-8."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def write_json_list(stream: IO[bytes], entries: Iterable[str]) -> None:
    """Write texts of json as one list, an entry per line, as they come: a million of them take no more memory than one."""
    before = "[\n"
    for entry in entries:
        stream.write((before + entry).encode())
        before = ",\n"
    stream.write(b"[]" if before == "[\n" else b"\n]")


def write_together(paths: Sequence[Path], write: Callable[[Path, Path], object]) -> None:
    """Let ``write(path, place)`` write what is to become each file, all in one folder, to a place of the same name in a
    folder beside it; when all are written, each takes its place. Raises what ``write`` raises, and UserError when a file
    cannot be written; the old files are whole then."""
    first = paths[0]
    try:
        with temporary_folder(first) as folder:
            places = {path: folder / path.name for path in paths}
            for path, place in places.items():
                try:
                    write(path, place)
                except UserError as error:  # people know the file by the place it is to have
                    raise UserError(str(error).replace(str(place), str(path))) from error
            for path, place in places.items():
                place.replace(path)
            sync_folder(first.parent)
    except OSError as error:
        raise unwritable(first, error) from error


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is one of many, without waiting for the disk. It has its name when all of it is there, whoever kills
    us in the midst; links and devices are the user's, stay, and are written through. Raises UserError naming the file and
    the reason; an older file is whole then."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(content)
            return
        with temporary_file(path) as (stream, place):
            stream.write(content)
            stream.flush()
            place.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error


def file_sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file. Raises UserError for one that cannot be read."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_through(stream: IO[bytes], write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a stream. Raises the system's error, whatever ``write`` makes of it."""
    remembering = _Remembering(stream)
    try:
        write(cast("IO[bytes]", remembering))
    except Exception as error:
        # torch turns a full disk into a RuntimeError of its own, with the words of a broken program.
        if remembering.failure is not None and error is not remembering.failure:
            raise remembering.failure from error
        raise


class _Remembering(io.RawIOBase):
    """A stream that remembers the first error of the system when it was written to."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            self.failure = self.failure or error
            raise

    def flush(self) -> None:
        """Nothing: it is flushed when all is there."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()
