"""A text that grows and is whole at every moment, whoever dies or fills the disk in the midst of it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from yolov3.files.temporary import discard
from yolov3.files.unwritable import unwritable


def append_text(path: Path, text: str) -> None:
    """Add a text, in UTF-8, to the end of a file, which is made if it is not there. Raises UserError when it cannot be
    written; the file is then as it was."""
    is_new = not path.exists()
    try:
        with path.open("ab", buffering=0) as stream:
            end = stream.tell()
            try:
                _write_all(stream, text.encode())
            except OSError:
                with contextlib.suppress(OSError):
                    stream.truncate(end)
                raise
    except OSError as error:
        if is_new:
            discard(path)
        raise unwritable(path, error) from error


class GrowingText:
    """A new file, in UTF-8: ``start``, what is added piece by piece, and ``end``, which is behind the last piece at every
    moment. A piece that cannot be written is not there at all. Raises UserError when the file cannot be written."""

    def __init__(self, path: Path, start: str, end: str = "") -> None:
        self.path = path
        self._end = end.encode()
        self._place = 0
        try:
            self._stream = path.open("wb", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            self.add(start)
        except BaseException:
            self._stream.close()
            discard(path)
            raise

    def add(self, text: str) -> None:
        """Add a piece. Raises UserError when it cannot be written."""
        data = text.encode()
        try:
            self._write(data + self._end)
        except OSError as error:
            with contextlib.suppress(OSError):  # the end first: it takes the room that it had
                self._write(self._end)
                self._stream.truncate()
            raise unwritable(self.path, error) from error
        self._place += len(data)

    def close(self) -> None:
        """Close the file. Raises UserError."""
        try:
            self._stream.close()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _write(self, data: bytes) -> None:
        self._stream.seek(self._place)
        _write_all(self._stream, data)


def _write_all(stream: io.FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:  # a disk that becomes full takes a part first
        left = left[stream.write(left) :]
