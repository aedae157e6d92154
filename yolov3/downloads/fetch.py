"""Known weights and data sets, from their names to their place."""

from __future__ import annotations

from pathlib import Path

from yolov3.downloads.download import download
from yolov3.downloads.manifest import DATA_FOLDER, WEIGHTS_FOLDER, Known, KnownData, KnownWeights
from yolov3.downloads.unpack import unpack
from yolov3.files.atomic import file_sha256
from yolov3.files.class_names import write_names
from yolov3.watching.watcher import Watcher


def fetch(
    entry: Known, folder: Path | None = None, *, keep_archives: bool = False, watcher: Watcher | None = None
) -> Path:
    """Download what is known under a name into ``folder`` (default: weights/ or data/) and return where it lies. The
    archives of a data set are unpacked, and removed unless they are to be kept. Raises UserError."""
    watcher = watcher or Watcher()
    if isinstance(entry, KnownData):
        place = _fetch_data(entry, folder or DATA_FOLDER, keep_archives, watcher)
    else:
        place = _fetch_weights(entry, folder or WEIGHTS_FOLDER, watcher)
    watcher.report(f"licence: {entry.licence}")
    return place


def _fetch_weights(entry: KnownWeights, folder: Path, watcher: Watcher) -> Path:
    path = download(entry.file, folder, watcher=watcher)
    if entry.names:
        write_names(path.with_suffix(".names"), entry.names)
    note = "" if entry.file.digest else f" (no published hash to compare with; its sha256 is {file_sha256(path)})"
    watcher.report(f"{path}: {entry.what}{note}")
    watcher.report(f"published: {entry.published}")
    return path


def _fetch_data(entry: KnownData, root: Path, keep_archives: bool, watcher: Watcher) -> Path:
    for file in entry.archives:
        archive = download(file, root, watcher=watcher)
        count = unpack(archive, root / entry.folder)
        watcher.report(f"{archive}: {count} files unpacked into {root / entry.folder}")
        if not keep_archives:
            archive.unlink()
    return root / entry.folder
