"""A new folder for every run: ``name``, then ``name-2``, ``name-3`` ... No run ever writes into another one's."""

from __future__ import annotations

import itertools
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.refusals import named, reason_of
from yolov3.files.unwritable import require_room
from yolov3.watching.printable import quoted


def make_run_folder(parent: Path, name: str) -> Path:
    """Make and return the first of ``parent/name``, ``parent/name-2`` ... that does not exist yet.

    The making is the test (an exclusive mkdir), so programs that start at the same moment get a folder each.
    Raises UserError when ``name`` is not the name of one folder, when the folder cannot be made, when something
    that is no folder lies in its place, or when the disk is full.
    """
    check_run_name(name)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        require_room(parent)
        for number in itertools.count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                if not folder.is_dir():
                    raise
            else:
                return folder
    except (OSError, ValueError) as error:
        place = getattr(error, "filename", None) or parent
        reason = "a file lies in its place" if isinstance(error, FileExistsError) else reason_of(error)
        raise UserError(f"{named(place)}: the run's folder cannot be made: {reason}") from error
    raise AssertionError("counting never ends")


def check_run_name(name: str) -> None:
    """Raise UserError for what is not the name of one folder."""
    if not name or name in (".", "..") or any(character in name for character in "/\\\0"):
        raise UserError(f"the name of a run must be the name of one folder, without slashes, found {quoted(name)}")
