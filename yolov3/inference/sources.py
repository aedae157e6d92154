"""What a person can point the detector at, as items to go through in order: pictures, videos, live streams."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov3.errors import UserError
from yolov3.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mjpeg", ".3gp")
)
LIST_SUFFIXES = frozenset((".txt", ".lst", ".list"))
_STREAM = re.compile(r"(?:rtsp|rtsps|rtmp|http|https|udp|tcp|srt)://", re.IGNORECASE)


@dataclass(frozen=True)
class Frame:
    """A picture to look at: ``image`` (H, W, 3) uint8 RGB, where it is from (a path, an address), and for a video which
    frame it is (from 0) and at how many seconds."""

    image: np.ndarray
    source: str
    index: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Picture:
    """A picture file."""

    path: Path


@dataclass(frozen=True)
class Video:
    """A video file."""

    path: Path


@dataclass(frozen=True)
class Stream:
    """A camera (its number) or a stream's address."""

    address: int | str


Item = Picture | Video | Stream


@dataclass(frozen=True)
class Source:
    """The items of a source, and what was passed over on the way to them, a line each."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def open_source(text: str) -> Source:
    """The items that ``text`` means: a picture, a video, a folder (with all below it), a pattern (``dir/*.jpg``), a
    list file (a path per line), a camera's number, or the address of a stream. Raises UserError when there are none.
    """
    if re.fullmatch(r"\d{1,3}", text) and not Path(text).exists():
        return Source((Stream(int(text)),))
    if _STREAM.match(text):
        return Source((Stream(text),))
    if "\0" in text or not text:
        raise UserError(f"source {text!r}: not a path, a pattern, a camera's number or an address")
    path = Path(text)
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return _from_list(path) if path.suffix.lower() in LIST_SUFFIXES else Source((_item_of(path),))
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - patterns may be absolute
        items = [item for item in map(_known_item, found) if item]
        if not items:
            raise UserError(f"source {text}: no picture or video matches this pattern")
        return Source(tuple(items), _passed_over(len(found) - len(items)))
    if path.is_symlink():
        raise UserError(f"source {text}: a link that leads nowhere")
    raise UserError(f"source {text}: does not exist")


def _from_folder(folder: Path) -> Source:
    items = []
    others = 0
    for path in _walk(folder):
        item = _known_item(path)
        if item:
            items.append(item)
        else:
            others += 1
    if not items:
        raise UserError(f"source {folder}: no pictures or videos in this folder or below it ({others} other files)")
    return Source(tuple(items), _passed_over(others))


def _from_list(file: Path) -> Source:
    """The paths in a list, from the current folder or, if not there, from the list's own."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"source {file}: not readable as a list of paths: {error}") from error
    items = []
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        path = Path(name) if Path(name).exists() else file.parent / name
        if not path.exists():
            raise UserError(f"source {file}, line {number}: {name} does not exist")
        items.append(_item_of(path))
    if not items:
        raise UserError(f"source {file}: lists no pictures or videos")
    return Source(tuple(items))


def _item_of(path: Path) -> Item:
    """A file that was named by itself: if its suffix says nothing, it is taken for a picture, whose content decides."""
    return Video(path) if path.suffix.lower() in VIDEO_SUFFIXES else Picture(path)


def _known_item(path: Path) -> Item | None:
    """A file that was found: taken by its suffix, if it is a plain file. A folder called x.jpg, a pipe: no."""
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES and suffix not in VIDEO_SUFFIXES:
        return None
    try:
        plain = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return None
    return _item_of(path) if plain else None


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their names; links to folders are not followed, so none leads round."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield Path(place) / name


def _passed_over(count: int) -> tuple[str, ...]:
    return (f"{count} other files passed over",) if count else ()
