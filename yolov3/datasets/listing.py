"""What folders hold, each asked once: asking for every file of a large data set takes minutes on a network drive."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from yolov3.files.refusals import cannot


def list_files(folder: Path) -> set[str]:
    """The names of the plain files (or links to such) in a folder, read in one go; none if there is no such folder."""
    return {entry.name for entry in _entries(folder) if _is(entry.is_file)}


def list_folders(folder: Path) -> set[str]:
    """The names of the folders (or links to such) in a folder; none if there is no such folder."""
    return {entry.name for entry in _entries(folder) if _is(entry.is_dir)}


def is_empty(folder: Path) -> bool:
    """Whether nothing lies in a folder; not so for one that may not be looked into."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def missing_files(paths: Sequence[Path]) -> list[int]:
    """The places, in a list of paths, of those that are no files."""
    listings: dict[str, set[str]] = {}
    missing = []
    for place, path in enumerate(paths):
        folder, name = os.path.split(path)
        if folder not in listings:
            listings[folder] = list_files(Path(folder))
        if name not in listings[folder]:
            missing.append(place)
    return missing


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:  # no permission, a name that is too long, a NUL
        raise cannot(folder, "be listed", error) from error


def _is(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except OSError:  # a link that leads round, or to where nobody may look
        return False
