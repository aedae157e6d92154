"""What a person can point the detector at, as items to go through in order: images, videos, live streams."""

from __future__ import annotations

import glob
import itertools
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.reading import is_folder, is_there
from yolov3.files.refusals import reason_of
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.files.walking import files_below
from yolov3.images.files import IMAGE_SUFFIXES, MAXIMUM_BYTES
from yolov3.sources.address import SCHEMES, is_address, scheme_of, without_login
from yolov3.sources.frames import FrameSource
from yolov3.sources.image_files import ImageFiles, ReadImages, frame_of_bytes
from yolov3.sources.items import DataItem, Found, ImageItem, Item, StreamItem, VideoItem, WebItem
from yolov3.sources.read_ahead import read_ahead
from yolov3.sources.realtime import RealtimeVideo
from yolov3.sources.stream_options import StreamOptions
from yolov3.sources.streams import LiveStream
from yolov3.sources.videos import VideoFile
from yolov3.sources.web import ask, suffix_of
from yolov3.watching.printable import quoted, shortened
from yolov3.watching.words import counted

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mjpeg", ".3gp")
)
STREAM_SUFFIXES = VIDEO_SUFFIXES | {".mjpg", ".m3u8", ".mpd"}  # of addresses
LIST_SUFFIXES = frozenset((".txt", ".lst", ".list"))
STREAM_LIST_SUFFIX = ".streams"
STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "stdin"

_CAMERA = re.compile(r"\d{1,3}")


def find_items(text: str) -> Found:
    """The items that ``text`` means: an image, a video, a folder (with all below it), a pattern (``dir/*.jpg``), a
    list file (a path or an address per line), a list of streams (a ``.streams`` file: an address, a camera's number or a
    video per line), a camera's number, the address of an image or a stream, or ``-``: what comes on the standard input, the
    bytes of an image or a list. Raises UserError when there are none.
    """
    if text == STANDARD_INPUT:
        return _from_standard_input()
    if _CAMERA.fullmatch(text) and not is_there(text):
        return Found((StreamItem(int(text)),))
    if is_address(text):
        return Found((_item_of_address(text, f"source {without_login(text)}"),))
    if "\0" in text or not text:
        raise UserError(f"source {quoted(text)}: not a path, a pattern, a camera's number or an address")
    path = Path(text)
    called = f"source {shortened(text)}"
    if _exists(path, called):
        if is_folder(path):
            return _from_folder(path)
        if path.suffix.lower() == STREAM_LIST_SUFFIX:
            return _from_list_of_streams(path)
        return _from_list(path) if path.suffix.lower() in LIST_SUFFIXES else Found((_item_of(path),))
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - patterns may be absolute
        items = [item for item in map(_known_item, found) if item]
        if not items:
            raise UserError(f"{called}: no image or video matches this pattern{_closed_folder(text)}")
        return Found(tuple(items), _passed_over(len(found) - len(items)))
    if path.is_symlink():
        raise UserError(f"{called}: a link that leads nowhere")
    raise UserError(f"{called}: does not exist")


def find_all_items(texts: Sequence[str]) -> Found:
    """The items of several sources, in order. Raises UserError when one of them means nothing."""
    if not texts:
        raise UserError("no source: nothing to look at")
    if texts.count(STANDARD_INPUT) > 1:
        raise UserError(f"source {STANDARD_INPUT}: the standard input can be read once")
    found = [find_items(text) for text in texts]
    return Found(
        tuple(itertools.chain.from_iterable(each.items for each in found)),
        tuple(itertools.chain.from_iterable(each.notes for each in found)),
    )


def sources_of(items: Sequence[Item], *, ahead: int, streams: StreamOptions | None = None) -> Iterator[FrameSource]:
    """A source for each item, in order; images that follow each other are one, read so many ``ahead``. The addresses are
    asked what they are when it is their turn. What is live, is read as ``streams`` says."""
    streams = streams or StreamOptions()
    for kind, group in itertools.groupby(items, key=type):
        if kind is ImageItem:
            yield ImageFiles([item.path for item in group if isinstance(item, ImageItem)], ahead=ahead)
        elif kind is WebItem:
            addresses = [item.address for item in group if isinstance(item, WebItem)]
            yield from _sources_of_addresses(addresses, ahead, streams)
        else:
            for item in group:
                if isinstance(item, VideoItem):
                    yield RealtimeVideo(item.path) if streams.realtime else VideoFile(item.path, ahead=ahead)
                elif isinstance(item, StreamItem):
                    yield LiveStream(item.address, streams)
                elif isinstance(item, DataItem):
                    yield ReadImages(iter([frame_of_bytes(item.data, item.name)]))


def _sources_of_addresses(addresses: list[str], ahead: int, streams: StreamOptions) -> Iterator[FrameSource]:
    answers = read_ahead(ask, addresses, ahead=ahead)
    for is_stream, group in itertools.groupby(answers, key=lambda answer: isinstance(answer, StreamItem)):
        if is_stream:
            for answer in group:
                assert isinstance(answer, StreamItem)
                yield LiveStream(answer.address, streams)
        else:
            yield ReadImages(answer for answer in group if not isinstance(answer, StreamItem))


def _from_folder(folder: Path) -> Found:
    items = []
    others = 0
    closed: list[UserError] = []
    for path in files_below(folder, closed=closed.append):
        item = _known_item(path)
        if item:
            items.append(item)
        else:
            others += 1
    if not items:
        beside = "; ".join((counted(others, "other file"), *map(str, closed[:1])))
        raise UserError(f"source {folder}: no images or videos in this folder or below it ({beside})")
    return Found(tuple(items), (*_passed_over(others), *map(str, closed)))


def _from_list(file: Path) -> Found:
    """What a list names; paths from the current folder or, if not there, from the list's own."""
    lines = read_lines(file, what="a list of paths", most_bytes=LARGEST_LIST)
    return _from_lines(lines, str(file), file.parent)


def _from_list_of_streams(file: Path) -> Found:
    """The streams that a list names, none of which is asked yet what it is."""
    items: list[Item] = []
    for number, text in _entries(read_lines(file, what="a list of streams", most_bytes=LARGEST_LIST)):
        called = f"source {file}, line {number}: {shortened(without_login(text))}"
        item: Item
        if is_address(text):
            address = _item_of_address(text, called)
            item = StreamItem(address.address) if isinstance(address, WebItem) else address
        elif _CAMERA.fullmatch(text):
            item = StreamItem(int(text))
        else:
            item = _listed_item(text, called, file.parent)
            if not isinstance(item, VideoItem):
                raise UserError(f"{called}: not a video; a list of streams has addresses, cameras' numbers and videos")
        items.append(item)
    if not items:
        raise UserError(f"source {file}: lists no streams")
    return Found(tuple(items))


def _from_standard_input() -> Found:
    if sys.stdin is None:
        raise UserError(f"source {STANDARD_INPUT}: there is no standard input")
    data = sys.stdin.buffer.read(MAXIMUM_BYTES + 1)
    if len(data) > MAXIMUM_BYTES:
        raise UserError(f"source {STANDARD_INPUT}: more than {MAXIMUM_BYTES} bytes on the standard input")
    if not data:
        raise UserError(f"source {STANDARD_INPUT}: nothing came on the standard input")
    if b"\0" in data:  # which every image has and no list of paths
        return Found((DataItem(data, STANDARD_INPUT_NAME),))
    return _from_lines(os.fsdecode(data).split("\n"), STANDARD_INPUT, Path())


def _from_lines(lines: Iterable[str], name: str, folder: Path) -> Found:
    items: list[Item] = []
    for number, text in _entries(lines):
        if is_address(text):
            items.append(_item_of_address(text, f"source {name}, line {number}: {without_login(text)}"))
        else:
            items.append(_listed_item(text, f"source {name}, line {number}: {shortened(text)}", folder))
    if not items:
        raise UserError(f"source {name}: lists no images or videos")
    return Found(tuple(items))


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What stands in the lines of a list, with their numbers."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def _listed_item(text: str, called: str, folder: Path) -> ImageItem | VideoItem:
    """A path of a list, from the current folder or from the list's. Raises UserError."""
    path = Path(text) if _exists(Path(text), called) else folder / text
    if not _exists(path, called):
        raise UserError(f"{called} does not exist")
    return _item_of(path)


def _exists(path: Path, called: str) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (
        OSError,
        ValueError,
    ) as error:  # a name that is too long, a folder that may not be entered, links that lead round
        raise UserError(f"{called}: {reason_of(error)}") from error
    return True


def _item_of(path: Path) -> ImageItem | VideoItem:
    """A file that was named by itself: if its suffix says nothing, it is taken for an image, whose content decides."""
    return VideoItem(path) if path.suffix.lower() in VIDEO_SUFFIXES else ImageItem(path)


def _item_of_address(address: str, called: str) -> StreamItem | WebItem:
    """An address: of an http(s) one the answer will say what it is, unless its suffix does. Raises UserError."""
    scheme = scheme_of(address)
    if scheme not in SCHEMES:
        raise UserError(f"{called}: addresses begin with {', '.join(SCHEMES)}, found {scheme}")
    if scheme not in ("http", "https") or suffix_of(address) in STREAM_SUFFIXES:
        return StreamItem(address)
    return WebItem(address)


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


def _closed_folder(pattern: str) -> str:
    """Why a pattern may have found nothing: a folder of it that may not be looked into."""
    parts = Path(pattern).parts
    fixed = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), parts[:-1]))
    closed: list[UserError] = []
    next(files_below(fixed, closed=closed.append), None)
    return f" ({closed[0]})" if closed and is_there(fixed) else ""


def _passed_over(count: int) -> tuple[str, ...]:
    return (f"{counted(count, 'other file')} passed over",) if count else ()
