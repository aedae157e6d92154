"""What a person can point the detector at, as items to go through in order: images, videos, live streams."""

from __future__ import annotations

import glob
import itertools
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.sources.frames import FrameSource
from yolov3.sources.image_files import ImageFiles
from yolov3.sources.streams import LiveStream
from yolov3.sources.videos import VideoFile

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mjpeg", ".3gp")
)
LIST_SUFFIXES = frozenset((".txt", ".lst", ".list"))
_STREAM = re.compile(r"(?:rtsp|rtsps|rtmp|http|https|udp|tcp|srt)://", re.IGNORECASE)


@dataclass(frozen=True)
class ImageItem:
    """An image file."""

    path: Path


@dataclass(frozen=True)
class VideoItem:
    """A video file."""

    path: Path


@dataclass(frozen=True)
class StreamItem:
    """A camera (its number) or a stream's address."""

    address: int | str


Item = ImageItem | VideoItem | StreamItem


@dataclass(frozen=True)
class Found:
    """The items that were meant, and what was passed over on the way to them, a line each."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def find_items(text: str) -> Found:
    """The items that ``text`` means: an image, a video, a folder (with all below it), a pattern (``dir/*.jpg``), a
    list file (a path per line), a camera's number, or the address of a stream. Raises UserError when there are none.
    """
    if re.fullmatch(r"\d{1,3}", text) and not Path(text).exists():
        return Found((StreamItem(int(text)),))
    if _STREAM.match(text):
        return Found((StreamItem(text),))
    if "\0" in text or not text:
        raise UserError(f"source {text!r}: not a path, a pattern, a camera's number or an address")
    path = Path(text)
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return _from_list(path) if path.suffix.lower() in LIST_SUFFIXES else Found((_item_of(path),))
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - patterns may be absolute
        items = [item for item in map(_known_item, found) if item]
        if not items:
            raise UserError(f"source {text}: no picture or video matches this pattern")
        return Found(tuple(items), _passed_over(len(found) - len(items)))
    if path.is_symlink():
        raise UserError(f"source {text}: a link that leads nowhere")
    raise UserError(f"source {text}: does not exist")


def sources_of(items: Sequence[Item], *, ahead: int) -> Iterator[FrameSource]:
    """A source for each item, in order; image files that follow each other are one, read so many ``ahead``."""
    for kind, group in itertools.groupby(items, key=type):
        if kind is ImageItem:
            yield ImageFiles([item.path for item in group if isinstance(item, ImageItem)], ahead=ahead)
            continue
        for item in group:
            if isinstance(item, VideoItem):
                yield VideoFile(item.path)
            elif isinstance(item, StreamItem):
                yield LiveStream(item.address)


def _from_folder(folder: Path) -> Found:
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
    return Found(tuple(items), _passed_over(others))


def _from_list(file: Path) -> Found:
    """The paths in a list, from the current folder or, if not there, from the list's own."""
    items = []
    for number, line in enumerate(read_lines(file, what="a list of paths", most_bytes=LARGEST_LIST), start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        path = Path(name) if Path(name).exists() else file.parent / name
        if not path.exists():
            raise UserError(f"source {file}, line {number}: {name} does not exist")
        items.append(_item_of(path))
    if not items:
        raise UserError(f"source {file}: lists no pictures or videos")
    return Found(tuple(items))


def _item_of(path: Path) -> Item:
    """A file that was named by itself: if its suffix says nothing, it is taken for an image, whose content decides."""
    return VideoItem(path) if path.suffix.lower() in VIDEO_SUFFIXES else ImageItem(path)


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
