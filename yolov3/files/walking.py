"""All files below a folder, in an order that is always the same, and what could not be looked into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.refusals import cannot


def files_below(folder: Path, closed: Callable[[UserError], object]) -> Iterator[Path]:
    """Whatever is no folder in a folder and below it, in the order of names. Links to folders are not followed, so none leads
    round. ``closed`` is told of each folder that may not be looked into; what it raises ends the walk."""

    def tell(error: OSError) -> None:
        closed(cannot(error.filename or folder, "be listed", error))

    for place, folders, files in os.walk(folder, onerror=tell):
        folders.sort()
        for name in sorted(files):
            yield Path(place) / name


def refuse(error: UserError) -> None:
    """For a walk that must not miss anything: raises what it is told."""
    raise error
