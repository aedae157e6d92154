"""Where a path in a file leads: beside that file first, else from the current folder."""

from __future__ import annotations

from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.reading import is_there
from yolov3.watching.printable import shortened


def find_beside(file: Path, text: str, *, what: str) -> Path:
    """The file or folder that ``text`` means in ``file``. Raises UserError that names ``what`` and both places."""
    places = [Path(text)] if Path(text).is_absolute() else [file.parent / text, Path(text)]
    for place in places:
        try:
            if is_there(place):
                return place
        except UserError as error:  # a name that is too long, a folder that may not be entered
            raise UserError(f"{file}: {what}: {error}") from error
    looked = " nor ".join(str(place.absolute()) for place in places)
    raise UserError(
        f"{file}: {what}: there is no {shortened(text)}" + (f" (neither {looked})" if len(places) > 1 else "")
    )
