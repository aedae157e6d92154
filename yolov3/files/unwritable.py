"""One line about a file that could not be written: which, what the system said, and how much room there is."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from yolov3.errors import UserError

NO_ROOM = frozenset(
    number for name in ("ENOSPC", "EDQUOT", "EFBIG") if (number := getattr(errno, name, None)) is not None
)
"""What the system says of a full disk, a quota at its end, and a file that may not grow any more."""

LEAST_ROOM = 1 << 20
"""Bytes that any run writes."""


def unwritable(path: Path | str, error: BaseException) -> UserError:
    """The error for a ``path`` that ended in another error, to be raised from that one."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UserError(f"{path}: cannot be written: {reason}{_room_at(Path(path), error)}")


def free_bytes(place: Path) -> int | None:
    """How many bytes may still be written where a file or folder lies or is to lie; None where nobody knows."""
    for folder in (place, *place.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:  # not there yet
            continue
    return None


def require_room(folder: Path, needed: int = LEAST_ROOM) -> None:
    """Raise UserError where so many bytes cannot be written, before something long begins whose result would be lost."""
    free = free_bytes(folder)
    if free is not None and free < needed:
        raise UserError(f"{folder}: {free} bytes are free there, and at least {needed} are needed")


def _room_at(path: Path, error: BaseException) -> str:
    if getattr(error, "errno", None) not in NO_ROOM or getattr(error, "errno", None) == errno.EFBIG:
        return ""
    free = free_bytes(path.parent)
    return "" if free is None else f" ({free} bytes free there)"
