"""``yolov3 download NAME``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

HELP = "fetch known weights and data sets, checked by size and hash"


@dataclass(frozen=True)
class DownloadWords:
    """What to fetch (nothing: tell what there is), where to, and whether a data set's archives are kept."""

    names: tuple[str, ...]
    output: Path | None
    keep_archives: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what to fetch; without a name, a list of what there is"
    )
    parser.add_argument("--output", type=Path, help="folder; default: weights/ for weights, data/ for data sets")
    parser.add_argument("--keep-archives", action="store_true", help="keep a data set's archives after unpacking")


def parse(arguments: argparse.Namespace) -> DownloadWords:
    """The command's words."""
    return DownloadWords(tuple(arguments.names), arguments.output, arguments.keep_archives)


def run(words: DownloadWords) -> int:
    """Download each, or list all. Raises UserError."""
    from yolov3.downloads.fetch import fetch
    from yolov3.downloads.manifest import find_known, known_files
    from yolov3.watching.watcher import Bar

    if not words.names:
        for name, entry in known_files().items():
            print(f"{name:<12} {entry.what}")
        return 0
    for entry in [find_known(name) for name in words.names]:  # all names are checked before anything is fetched
        with Bar(entry.name, unit="bytes") as bar:
            fetch(entry, words.output, keep_archives=words.keep_archives, watcher=bar)
    return 0
