"""``yolov3 download NAME``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolov3.formats.known_files import KnownData, KnownWeights, RemoteFile

HELP = "fetch known weights and data sets, checked by size and hash"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what to fetch; without a name, a list of what there is"
    )
    parser.add_argument("--output", type=Path, help="folder; default: weights/ for weights, data/ for data sets")
    parser.add_argument("--keep-archives", action="store_true", help="keep a data set's archives after unpacking")


def run(arguments: argparse.Namespace) -> int:
    """Download each, or list all. Raises UserError."""
    from yolov3.formats.known_files import KnownData, find_known, known_files

    if not arguments.names:
        for name, entry in known_files().items():
            print(f"{name:<12} {entry.what}")
        return 0
    for entry in [find_known(name) for name in arguments.names]:  # all names are checked before anything is fetched
        if isinstance(entry, KnownData):
            _download_data(entry, arguments)
        else:
            _download_weights(entry, arguments)
        print(f"licence: {entry.licence}")
    return 0


def _download_weights(entry: KnownWeights, arguments: argparse.Namespace) -> None:
    from yolov3.formats.atomic import file_sha256
    from yolov3.formats.darknet_names import write_names
    from yolov3.formats.known_files import WEIGHTS_FOLDER

    path = _fetch(entry.file, arguments.output or WEIGHTS_FOLDER)
    if entry.names:
        write_names(path.with_suffix(".names"), entry.names)
    note = "" if entry.file.digest else f" (no published hash to compare with; its sha256 is {file_sha256(path)})"
    print(f"{path}: {entry.what}{note}")
    print(f"published: {entry.published}")


def _download_data(entry: KnownData, arguments: argparse.Namespace) -> None:
    from yolov3.formats.known_files import DATA_FOLDER
    from yolov3.formats.unpack import unpack

    root = arguments.output or DATA_FOLDER
    for file in entry.archives:
        archive = _fetch(file, root)
        count = unpack(archive, root / entry.folder)
        print(f"{archive}: {count} files unpacked into {root / entry.folder}")
        if not arguments.keep_archives:
            archive.unlink()


def _fetch(file: RemoteFile, folder: Path) -> Path:
    """Download with a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from yolov3.formats.download import download

    console = Console(stderr=True)
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(file.name, total=file.size)
        return download(file, folder, progress=lambda done, total: progress.update(task, completed=done, total=total))
