"""The standard output and the error output, of which a program's work does not depend: what cannot be printed any more,
because its reader has left or its disk is full, ends the printing and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast


class Outlet:
    """A stream that swallows what it cannot write; ``failure`` is the first reason. In all else it is the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write as much as somebody reads."""
        if self.failure is None:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._end(error)
        return len(text)

    def flush(self) -> None:
        """Send what waits."""
        if self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._end(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _end(self, error: OSError) -> None:
        self.failure = error
        # What still waits in there goes nowhere; else the interpreter tries once more at its end and complains.
        with contextlib.suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(devnull, self._stream.fileno())
            finally:
                os.close(devnull)


@contextlib.contextmanager
def guarded_streams() -> Iterator[Outlet]:
    """In here both outputs are outlets; the standard output's is given. One that was closed is one that nobody wanted."""
    _open_closed()
    output, errors = Outlet(sys.stdout), Outlet(sys.stderr)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", errors)
    try:
        yield output
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open what was closed before the program began, before a file of the user's takes its number and what a library
    prints there goes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # to the end of the program
