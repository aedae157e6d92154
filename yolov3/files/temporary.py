"""Temporary files and folders beside what they are to become, each for one writer alone.

A writer takes the first name that nobody holds: ``.NAME.tmp``, else ``.NAME.2.tmp`` and so on. What it holds is locked by
the system, which forgets the lock with the process. So two writers never share a file, and what a killed process left is
taken over by the next one instead of staying for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LONGEST_NAME = 240  # bytes of a name that leave room for ours beside it, of the 255 that file systems allow


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """An empty file for what is to become ``path``, and its place; whatever then still lies there is removed. Raises
    OSError."""
    for place in _names_beside(path):
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        with os.fdopen(descriptor, "r+b") as stream:
            if not _held(descriptor, place):
                continue
            try:
                stream.truncate()
                yield stream, place
            finally:
                # While it is held: afterwards another writer may have taken the name.
                _discard_held(descriptor, place)
            return


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """An empty folder for the files that are to lie beside ``path`` or in its place; afterwards it is removed with what it
    still holds. Raises OSError."""
    for place in _names_beside(path):
        with contextlib.suppress(FileExistsError):
            place.mkdir()
        with _opened_folder(place) as descriptor:
            if descriptor is not None and not _held(descriptor, place):
                continue
            for left in place.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
            return


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other writer is in here for the same folder. Where the system cannot lock a folder nobody waits."""
    with _opened_folder(folder) as descriptor:
        if descriptor is not None:
            _lock(descriptor, wait=True)
        yield


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: what was renamed there stays renamed. Raises OSError."""
    with _opened_folder(folder) as descriptor:
        if descriptor is not None:
            os.fsync(descriptor)


def discard(path: Path) -> None:
    """Remove a file that did not become what it should. Links and devices are the user's, and stay."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode):
            path.unlink()


def _names_beside(path: Path) -> Iterator[Path]:
    name = path.name
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    yield path.with_name(f".{name}.tmp")
    for number in itertools.count(2):
        yield path.with_name(f".{name}.{number}.tmp")


@contextlib.contextmanager
def _opened_folder(folder: Path) -> Iterator[int | None]:
    """Its descriptor; None on a system where folders have none."""
    if os.name != "posix":
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _held(descriptor: int, place: Path) -> bool:
    """Whether what was opened could be locked and still has its name: whoever held it before may have renamed it."""
    if not _lock(descriptor, wait=False):
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), place.lstat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Whether it could be locked. Where the system or the file's place knows no locks, it counts as locked."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _discard_held(descriptor: int, place: Path) -> None:
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(descriptor), place.lstat()):
            place.unlink()
