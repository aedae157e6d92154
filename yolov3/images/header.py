"""What a picture's file says before anything is decoded: its format, its size, how the camera was held.

Reads JPEG, PNG, BMP, GIF, WebP and TIFF by their content, whatever the file is called, in a few small reads, so that
a hostile file cannot ask for memory and a hundred thousand pictures can be measured in seconds. Followed are the
published formats: ITU T.81 (JPEG), the W3C's PNG, GIF89a, RFC 6386 and Google's container specification (WebP),
TIFF 6.0 and Exif 2.3. EXIF orientation counts in all of them but BMP and GIF, which have none.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from yolov3.structures import Size

ORIENTATION_TAG = 0x0112
WIDTH_TAG, HEIGHT_TAG = 0x0100, 0x0101
MAXIMUM_PARTS = 10_000  # segments, chunks or tags read before a file is given up
MAXIMUM_EXIF_BYTES = 1_000_000

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start-of-frame markers carry the size
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length
_JPEG_END, _JPEG_SCAN, _JPEG_APP1 = 0xD9, 0xDA, 0xE1
_TIFF_INTEGERS = {1: "B", 3: "H", 4: "I"}


class HeaderError(ValueError):
    """The bytes are not the beginning of a picture we read."""


@dataclass(frozen=True)
class ImageHeader:
    """``stored_size`` (height, width) as the pixels lie in the file; ``orientation`` 1..8 as EXIF counts it;
    ``data_start``: where the pixels' data begin (JPEG's first scan; 0 elsewhere)."""

    format: str
    stored_size: Size
    orientation: int = 1
    data_start: int = 0

    @property
    def size(self) -> Size:
        """(height, width) of the upright picture."""
        height, width = self.stored_size
        return (width, height) if self.orientation >= 5 else (height, width)


def read_header(file: BinaryIO) -> ImageHeader:
    """The header of the picture in a seekable binary file. Raises HeaderError."""
    file.seek(0)
    start = file.read(32)
    try:
        if start.startswith(b"\xff\xd8\xff"):
            return _read_jpeg(file)
        if start.startswith(b"\x89PNG\r\n\x1a\n"):
            return _read_png(file)
        if start.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", start, 6)
            return ImageHeader("GIF", (height, width))
        if start.startswith(b"BM"):
            return _read_bmp(start)
        if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
            return _read_webp(file)
        if start.startswith((b"II*\0", b"MM\0*")):
            tags = _read_tiff_tags(file)
            return ImageHeader("TIFF", (tags[HEIGHT_TAG], tags[WIDTH_TAG]), _orientation(tags))
    except (struct.error, KeyError) as error:
        raise HeaderError("its header is cut off or damaged") from error
    raise HeaderError("not a picture (JPEG, PNG, BMP, GIF, WebP and TIFF are read)")


def _read_jpeg(file: BinaryIO) -> ImageHeader:
    file.seek(2)
    size, orientation = None, 1
    for _ in range(MAXIMUM_PARTS):
        marker = _next_jpeg_marker(file)
        if marker in _JPEG_BARE:
            continue
        if marker == _JPEG_END:
            break
        (length,) = struct.unpack(">H", file.read(2))
        content = file.tell()
        if marker in _JPEG_FRAMES:
            size = struct.unpack(">xHH", file.read(5))
        elif marker == _JPEG_APP1 and orientation == 1:
            block = file.read(max(length - 2, 0))
            if block.startswith(b"Exif\0\0"):
                orientation = _exif_orientation(block[6:])
        elif marker == _JPEG_SCAN:
            if size is None:
                break
            return ImageHeader("JPEG", size, orientation, content + length - 2)
        file.seek(content + length - 2)
    raise HeaderError("its header is cut off or damaged (no JPEG scan)")


def _next_jpeg_marker(file: BinaryIO) -> int:
    # Any number of 0xFF may stand before a marker; bytes that belong to nothing are passed over, as decoders do.
    for _ in range(MAXIMUM_EXIF_BYTES):
        byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
            if byte not in (b"\xff", b"\0", b""):
                return byte[0]
        if not byte:
            break
    raise HeaderError("its header is cut off or damaged (no JPEG scan)")


def _read_png(file: BinaryIO) -> ImageHeader:
    file.seek(8)
    size, orientation = None, 1
    for _ in range(MAXIMUM_PARTS):
        length, kind = struct.unpack(">I4s", file.read(8))
        content = file.tell()
        if kind == b"IHDR":
            width, height = struct.unpack(">II", file.read(8))
            size = (height, width)
        elif kind == b"eXIf" and length <= MAXIMUM_EXIF_BYTES:
            orientation = _exif_orientation(file.read(length))
        elif kind in (b"IDAT", b"IEND") and size is not None:
            return ImageHeader("PNG", size, orientation)
        file.seek(content + length + 4)
    raise HeaderError("its header is cut off or damaged (no PNG data)")


def _read_bmp(start: bytes) -> ImageHeader:
    (kind,) = struct.unpack_from("<I", start, 14)
    if kind == 12:  # OS/2
        width, height = struct.unpack_from("<HH", start, 18)
    else:
        width, height = struct.unpack_from("<ii", start, 18)
    return ImageHeader("BMP", (abs(height), width))  # a negative height means rows from the top


def _read_webp(file: BinaryIO) -> ImageHeader:
    file.seek(12)
    size, orientation = None, 1
    for _ in range(MAXIMUM_PARTS):
        head = file.read(8)
        if len(head) < 8:
            break
        kind, length = struct.unpack("<4sI", head)
        content = file.tell()
        if kind == b"VP8X":
            block = file.read(10)
            has_exif = block[0] & 0x08
            size = (1 + int.from_bytes(block[7:10], "little"), 1 + int.from_bytes(block[4:7], "little"))
            if not has_exif:
                return ImageHeader("WebP", size)
        elif kind == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", file.read(10), 6)
            return ImageHeader("WebP", (height & 0x3FFF, width & 0x3FFF))
        elif kind == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", file.read(5), 1)
            return ImageHeader("WebP", (1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)))
        elif kind == b"EXIF" and length <= MAXIMUM_EXIF_BYTES:
            orientation = _exif_orientation(file.read(length).removeprefix(b"Exif\0\0"))
        file.seek(content + length + (length & 1))
    if size is None:
        raise HeaderError("its header is cut off or damaged (no WebP picture)")
    return ImageHeader("WebP", size, orientation)


def _exif_orientation(block: bytes) -> int:
    # Damaged EXIF is common in the wild and no reason to refuse a picture: it then says nothing.
    try:
        return _orientation(_read_tiff_tags(io.BytesIO(block)))
    except (struct.error, HeaderError):
        return 1


def _orientation(tags: dict[int, int]) -> int:
    value = tags.get(ORIENTATION_TAG, 1)
    return value if 1 <= value <= 8 else 1


def _read_tiff_tags(file: BinaryIO) -> dict[int, int]:
    """The whole-numbered tags of a TIFF's (or an EXIF block's) first directory."""
    file.seek(0)
    start = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(start[:4])
    if order is None:
        raise HeaderError("not a TIFF structure")
    file.seek(*struct.unpack(order + "I", start[4:]))
    (count,) = struct.unpack(order + "H", file.read(2))
    directory = file.read(12 * min(count, MAXIMUM_PARTS))
    tags: dict[int, int] = {}
    for place in range(0, len(directory) - 11, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", directory, place)
        if values == 1 and kind in _TIFF_INTEGERS:
            (tags[tag],) = struct.unpack_from(order + _TIFF_INTEGERS[kind], directory, place + 8)
    return tags
