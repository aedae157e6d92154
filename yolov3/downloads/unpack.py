"""Archives of data sets, unpacked without trusting them: nothing leaves the folder, nothing grows without bound."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from yolov3.errors import UserError

LARGEST_TOTAL = 100 << 30  # bytes
MOST_ENTRIES = 2_000_000
LARGEST_RATIO = 200  # of unpacked to packed; pictures are near 1, annotations near 15


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar archive into ``folder`` and return the number of files. Files that lie there already are
    overwritten. Raises UserError for an archive that is damaged or reaches outside."""
    try:
        if zipfile.is_zipfile(archive):
            return _unpack_zip(archive, folder)
        if tarfile.is_tarfile(archive):
            return _unpack_tar(archive, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{archive}: damaged or not to be trusted: {error}") from error
    except OSError as error:
        raise UserError(f"{error.filename or archive}: cannot be unpacked: {error.strerror or error}") from error
    raise UserError(f"{archive}: neither a zip nor a tar archive")


def _unpack_zip(archive: Path, folder: Path) -> int:
    with zipfile.ZipFile(archive) as file:
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        _check_sizes(archive, len(entries), sum(entry.file_size for entry in entries))
        for entry in entries:
            target = folder / _inside(archive, entry.filename)
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise UserError(f"{archive}: {entry.filename} is a link; links are not unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open(entry) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    return len(entries)


def _unpack_tar(archive: Path, folder: Path) -> int:
    with tarfile.open(archive) as file:
        entries = file.getmembers()
        _check_sizes(archive, len(entries), sum(entry.size for entry in entries))
        for entry in entries:
            _inside(archive, entry.name)
        folder.mkdir(parents=True, exist_ok=True)
        file.extractall(folder, filter="data")  # refuses devices, links that lead out, odd permissions
    return sum(entry.isfile() for entry in entries)


def _check_sizes(archive: Path, entries: int, total: int) -> None:
    packed = max(1, archive.stat().st_size)
    if entries > MOST_ENTRIES or total > LARGEST_TOTAL or total > LARGEST_RATIO * packed + (1 << 20):
        raise UserError(f"{archive}: {entries} files of {total} bytes out of {packed}: not unpacked")


def _inside(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise UserError(f"{archive}: {name!r} would be written outside of the folder; nothing is unpacked")
    return path
