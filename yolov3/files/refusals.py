"""What a system answers where a path cannot be had: which of it the user can mend, and in which words it is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.unwritable import NO_ROOM, unwritable
from yolov3.watching.printable import shortened

LONGEST_PATH = 200
"""Letters of a path in a message that is about this path."""

OF_PATHS = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EROFS", "EEXIST", "ENOTEMPTY",
        "ENXIO", "ENODEV", "ETXTBSY", "ESTALE", "EMLINK", "EXDEV", "ENOTCONN",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""Answers about a file or a folder that a person named: another path, or other permissions, mend it."""

OF_DISKS = NO_ROOM | {errno.EIO}
"""Answers of a disk that is full, limited or broken."""


def refused_path(error: OSError) -> UserError | None:
    """The line for an error of the system's that the user can mend: the path and what the system says of it; None for
    every other, which is a fault of ours and keeps its traceback."""
    path = error.filename
    if error.errno in OF_DISKS:
        if not isinstance(path, str | bytes | os.PathLike):
            return UserError(f"the output: cannot be written: {error.strerror}")
        return unwritable(os.fsdecode(path), error)
    if error.errno not in OF_PATHS or not isinstance(path, str | bytes | os.PathLike):
        return None
    return UserError(f"{named(os.fsdecode(path))}: {error.strerror}")


def cannot(path: Path | str, what: str, error: Exception) -> UserError:
    """The line for a path that cannot be had: ``what`` was tried (``be read``), and why it failed."""
    return UserError(f"{named(path)}: cannot {what}: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """What is wrong, in a few words: the system's, or ours for a name that no system takes."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeError):
        return "its name holds letters that no file name can hold"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return (
        "a file name cannot contain a NUL"
        if "null byte" in str(error) or "null character" in str(error)
        else str(error)
    )


def named(path: Path | str) -> str:
    """A path as a message begins with it: as it is, and cut where no system takes it because of its length."""
    return shortened(str(path), LONGEST_PATH)
