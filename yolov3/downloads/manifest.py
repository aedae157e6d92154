"""The manifest of known weights and data sets: where they are, and what proves that a file is the right one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from yolov3.dialogue.suggestions import did_you_mean
from yolov3.errors import UserError
from yolov3.files.class_names import published_names

WEIGHTS_FOLDER = Path("weights")
DATA_FOLDER = Path("data")


@dataclass(frozen=True)
class RemoteFile:
    """A file at one or more addresses; ``size`` in bytes and ``digest`` (algorithm:hexadecimal) where they are known."""

    name: str
    urls: tuple[str, ...]
    size: int | None
    digest: str | None


@dataclass(frozen=True)
class KnownWeights:
    """Known weights: the file, what it is, and the names of its classes (empty for a backbone)."""

    name: str
    what: str
    file: RemoteFile
    names: tuple[str, ...]
    published: str
    licence: str


@dataclass(frozen=True)
class KnownData:
    """A known data set: archives that are unpacked into ``folder`` below the data folder."""

    name: str
    what: str
    archives: tuple[RemoteFile, ...]
    folder: str
    licence: str


Known = KnownWeights | KnownData


@cache
def known_files() -> dict[str, Known]:
    """The manifest, by name."""
    text = resources.files("yolov3.downloads").joinpath("manifest.json").read_text(encoding="utf-8")
    return {name: _entry(name, values) for name, values in json.loads(text).items()}


def find_known(name: str) -> Known:
    """The entry of a name. Raises UserError listing the names there are."""
    if name not in known_files():
        meant = did_you_mean(name, known_files())
        raise UserError(f"nothing known is called {name!r}{meant}; known are {', '.join(known_files())}")
    return known_files()[name]


def known_weights_path(name: str) -> Path | None:
    """Where the weights that a bare name means lie, or None if it is no such name. Raises UserError when they have not
    been downloaded."""
    entry = known_files().get(name)
    if not isinstance(entry, KnownWeights):
        return None
    path = WEIGHTS_FOLDER / entry.file.name
    if not path.is_file():
        raise UserError(f"{path}: {name} is not there yet; fetch it with: yolov3 download {name}")
    return path


def _entry(name: str, values: dict[str, Any]) -> Known:
    if "archives" in values:
        archives = tuple(map(_remote, values["archives"]))
        return KnownData(name, values["what"], archives, values["folder"], values["licence"])
    names = published_names("coco") if values["names"] == "coco" else ()
    return KnownWeights(name, values["what"], _remote(values), names, values["published"], values["licence"])


def _remote(values: dict[str, Any]) -> RemoteFile:
    return RemoteFile(values["file"], tuple(values["urls"]), values["bytes"], values["hash"])
