"""Archives of data sets, unpacked without trusting them: nothing leaves the folder, nothing grows without bound.

The standard library keeps the names inside: ``zipfile`` drops what would lead out of the folder and makes no links,
``tarfile`` with its data filter refuses both. What they do not look at is how large an archive becomes.
"""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from yolov3.errors import UserError

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
    overwritten. Raises UserError for an archive that is damaged, reaches outside or would grow without measure."""
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
        raise UserError(f"{error.filename or archive}: cannot be unpacked: {error.strerror or error}") from error
    raise UserError(f"{archive}: neither a zip nor a tar archive")


def _unpack_zip(archive: Path, folder: Path) -> int:
    with zipfile.ZipFile(archive) as file:
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        _check_sizes(archive, len(entries), sum(entry.file_size for entry in entries))
        file.extractall(folder, entries)
    return len(entries)


def _unpack_tar(archive: Path, folder: Path) -> int:
    with tarfile.open(archive) as file:
        entries = file.getmembers()
        _check_sizes(archive, len(entries), sum(entry.size for entry in entries))
        folder.mkdir(parents=True, exist_ok=True)
        file.extractall(folder, filter="data")
    return sum(entry.isfile() for entry in entries)


def _check_sizes(archive: Path, entries: int, total: int) -> None:
    packed = max(1, archive.stat().st_size)
    if entries > MOST_ENTRIES or total > LARGEST_TOTAL or total > LARGEST_RATIO * packed + (1 << 20):
        raise UserError(f"{archive}: {entries} files of {total} bytes out of {packed}: not unpacked")
