"""A text that grows and is whole at every moment, whoever dies or fills the disk in the midst of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from yolov3.files.temporary import discard
from yolov3.files.unwritable import unwritable


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
        left = memoryview(data)
        while left:  # a disk that becomes full takes a part first
            left = left[self._stream.write(left) :]
