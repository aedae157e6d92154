"""A new folder that is there as a whole or not at all: written beside its place, then renamed."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.run_folder import check_run_name, make_run_folder


@contextlib.contextmanager
def written_whole(place: Path) -> Iterator[Path]:
    """A folder beside ``place`` to write into. It takes that name when the block ends; when the block raises, nothing of it
    stays. Raises UserError when something lies there already, or when it cannot be written."""
    require_new(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = make_run_folder(place.parent, f".{place.name}.new")
        try:
            yield beside
            beside.rename(place)  # over an empty folder too, and over nothing else
        finally:
            if beside.exists():
                shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{error.filename or place}: cannot be written: {error.strerror or error}") from error


def require_new(place: Path) -> None:
    """Raise UserError unless nothing or an empty folder lies at a place."""
    check_run_name(place.name)
    if place.is_dir():
        if any(place.iterdir()):
            raise UserError(f"{place}: is not empty; name a new folder")
    elif place.exists() or place.is_symlink():
        raise UserError(f"{place}: exists already and is no folder; name a new one")


def require_outside(place: Path, data: Path) -> None:
    """Raise UserError for a place inside a data set, which is only read."""
    if place.resolve().is_relative_to(data.resolve()):
        raise UserError(f"{place}: lies in the data set {data}, which stays as it is; name a folder elsewhere")


def first_free(parent: Path, name: str) -> Path:
    """The first of ``parent/name``, ``parent/name-2`` ... that does not exist."""
    check_run_name(name)
    places = (parent / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(place for place in places if not place.exists())
