"""Archives of data sets, unpacked without trusting them: nothing leaves the folder, nothing grows without bound.

The standard library keeps the names inside: ``zipfile`` drops what would lead out of the folder and makes no links,
``tarfile`` with its data filter refuses both. What they do not look at is how large an archive becomes, and whether a
link lies in the folder already, through which a file would land elsewhere.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.temporary import temporary_folder

LARGEST_TOTAL = 100 << 30  # bytes
MOST_ENTRIES = 2_000_000
LARGEST_RATIO = 200  # of unpacked to packed; images are near 1, annotations near 15

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    RuntimeError, ValueError, LookupError, ArithmeticError,
)  # fmt: skip
"""What the standard library stumbles over in archives that are none: it checks names, lengths, codes where it meets them."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar archive into ``folder`` and return the number of files. Files that lie there already are
    overwritten, when all are unpacked: before, none of them is touched. Raises UserError for an archive that is damaged,
    reaches outside or would grow without measure, and for a link in the folder that leads elsewhere."""
    try:
        if zipfile.is_zipfile(archive):
            return _unpack_zip(archive, folder)
        if tarfile.is_tarfile(archive):
            return _unpack_tar(archive, folder)
    except _DAMAGED as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{archive}: damaged or not to be trusted: {error}") from error
    except OSError as error:
        raise UserError(f"{error.filename or folder}: cannot be unpacked: {error.strerror or error}") from error
    raise UserError(f"{archive}: neither a zip nor a tar archive")


def _unpack_zip(archive: Path, folder: Path) -> int:
    with zipfile.ZipFile(archive) as file:
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        _check_sizes(archive, len(entries), sum(entry.file_size for entry in entries))
        _refuse_links(folder, (entry.filename for entry in entries))
        with _filled_at_once(folder) as place:
            file.extractall(place, entries)
    return len(entries)


def _unpack_tar(archive: Path, folder: Path) -> int:
    with tarfile.open(archive) as file:
        entries = file.getmembers()
        _check_sizes(archive, len(entries), sum(entry.size for entry in entries))
        _refuse_links(folder, (entry.name for entry in entries if entry.isfile()))
        with _filled_at_once(folder) as place:
            file.extractall(place, filter="data")
    return sum(entry.isfile() for entry in entries)


@contextlib.contextmanager
def _filled_at_once(folder: Path) -> Iterator[Path]:
    """A place in a folder, which is made; what was put there lies in the folder itself afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder / "unpacked") as place:
        yield place
        _move(place, folder)


def _move(place: Path, folder: Path) -> None:
    """Move all that lies below a place to the same names below a folder."""
    for name, folders, files in os.walk(place):
        here = Path(name)
        target = folder / here.relative_to(place)
        if target != folder and target.is_symlink():
            raise UserError(f"{target}: a link lies there, and nothing is unpacked through links")
        target.mkdir(exist_ok=True)
        for each in (*files, *(each for each in folders if (here / each).is_symlink())):
            (here / each).replace(target / each)


def _refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Raise UserError where a link lies in the place of a file or on the way to it."""
    seen: set[Path] = set()
    for name in names:
        place = folder
        for part in name.split("/"):
            if part in ("", ".", ".."):  # which is left out while unpacking too, or refused
                continue
            place = place / part
            if place not in seen and place.is_symlink():
                raise UserError(f"{place}: a link, which unpacking would follow out of {folder}; move it away")
            seen.add(place)


def _check_sizes(archive: Path, entries: int, total: int) -> None:
    packed = max(1, archive.stat().st_size)
    if entries > MOST_ENTRIES or total > LARGEST_TOTAL or total > LARGEST_RATIO * packed + (1 << 20):
        raise UserError(f"{archive}: {entries} files of {total} bytes out of {packed}: not unpacked")
