"""What a person can mean by a source, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from yolov3.sources.address import without_login


@dataclass(frozen=True)
class ImageItem:
    """An image file."""

    path: Path


@dataclass(frozen=True)
class DataItem:
    """The bytes of an image file that is called ``name``."""

    data: bytes = field(repr=False)
    name: str


@dataclass(frozen=True)
class VideoItem:
    """A video file."""

    path: Path


@dataclass(frozen=True)
class WebItem:
    """An http(s) address of an image or of a stream: its answer will say."""

    address: str = field(repr=False)  # it may hold a password


@dataclass(frozen=True)
class StreamItem:
    """A camera (its number) or a stream's address."""

    address: int | str = field(repr=False)


Item = ImageItem | DataItem | VideoItem | WebItem | StreamItem


def name_of_item(item: Item) -> str:
    """What the frames of an item give as their source, but for streams whose names need a number."""
    if isinstance(item, ImageItem | VideoItem):
        return str(item.path)
    return item.name if isinstance(item, DataItem) else without_login(str(item.address))


@dataclass(frozen=True)
class Found:
    """The items that were meant, and what was passed over on the way to them, a line each."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
