"""What an image's file says before anything is decoded: its format, its size, how the camera was held.

Pillow reads PNG, BMP, GIF and TIFF, each by the reader that its first bytes name, whatever the file is called; pixels are
left alone. Its readers are called one by one because ``Image.open`` warns of images that we read. Of a WebP Pillow makes
a decoder, which takes memory for the whole image; so its few bytes are read here (Google's container specification, RFC
6386), as a JPEG's are in ``jpeg.py``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    PngImagePlugin,
    TiffImagePlugin,
)

from yolov3.images.jpeg import read_jpeg_head
from yolov3.structures import Size

ORIENTATION_TAG = 0x0112
LONGEST_EXIF = 1_000_000  # bytes
MOST_WEBP_CHUNKS = 10_000

_READERS: dict[tuple[bytes, ...], tuple[str, Callable[[BinaryIO], ImageFile.ImageFile]]] = {
    (b"\x89PNG\r\n\x1a\n",): ("PNG", PngImagePlugin.PngImageFile),
    (b"GIF87a", b"GIF89a"): ("GIF", GifImagePlugin.GifImageFile),
    (b"BM",): ("BMP", BmpImagePlugin.BmpImageFile),
    (b"II*\0", b"MM\0*"): ("TIFF", TiffImagePlugin.TiffImageFile),
}

# What Pillow's readers raise for files that are not what their first bytes say.
_DAMAGED = (
    SyntaxError, OSError, ValueError, EOFError, struct.error, zlib.error,
    KeyError, IndexError, TypeError, AttributeError, OverflowError, ZeroDivisionError, Image.DecompressionBombError,
)  # fmt: skip


class HeaderError(ValueError):
    """The bytes are not the beginning of an image we read."""


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
        """(height, width) of the upright image."""
        height, width = self.stored_size
        return (width, height) if self.orientation >= 5 else (height, width)


def read_header(file: BinaryIO) -> ImageHeader:
    """The header of the image in a seekable binary file. Raises HeaderError."""
    file.seek(0)
    start = file.read(32)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return _read_webp(file)
    if start.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(file)
    for signatures, (name, reader) in _READERS.items():
        if start.startswith(signatures):
            file.seek(0)
            return _read_with(reader, name, file)
    raise HeaderError("not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)")


def _read_with(reader: Callable[[BinaryIO], ImageFile.ImageFile], name: str, file: BinaryIO) -> ImageHeader:
    try:
        image = reader(file)
        width, height = _stored_size(image)
        orientation = _orientation_of(image)
    except _DAMAGED as error:
        raise HeaderError("its header is cut off or damaged") from error
    return ImageHeader(name, (height, width), orientation)


def _stored_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # its size is that of the upright image
        return int(image.tag_v2[TiffImagePlugin.IMAGEWIDTH]), int(image.tag_v2[TiffImagePlugin.IMAGELENGTH])
    return image.size


def _orientation_of(image: ImageFile.ImageFile) -> int:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _valid(image.tag_v2.get(ORIENTATION_TAG, 1))
    block = image.info.get("exif")
    return _exif_orientation(block) if isinstance(block, bytes) else 1


def _exif_orientation(block: bytes) -> int:
    exif = Image.Exif()
    try:
        exif.load(block)
        return _valid(exif.get(ORIENTATION_TAG, 1))
    except _DAMAGED:
        # Damaged EXIF is common in the wild and no reason to refuse an image: it then says nothing.
        return 1


def _valid(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _read_jpeg(file: BinaryIO) -> ImageHeader:
    file.seek(0)
    try:
        head = read_jpeg_head(file)
    except ValueError as error:
        raise HeaderError(f"its header is cut off or damaged ({error})") from error
    return ImageHeader("JPEG", head.size, _exif_orientation(head.exif) if head.exif else 1, head.data_start)


def _read_webp(file: BinaryIO) -> ImageHeader:
    file.seek(12)
    size, orientation = None, 1
    try:
        for _ in range(MOST_WEBP_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            kind, length = struct.unpack("<4sI", head)
            content = file.tell()
            if kind == b"VP8X":
                flags, wide, high = struct.unpack("<B3x3s3s", file.read(10))
                size = (1 + int.from_bytes(high, "little"), 1 + int.from_bytes(wide, "little"))
                if not flags & 0x08:  # no EXIF
                    break
            elif kind == b"VP8 " and size is None:
                width, height = struct.unpack_from("<HH", file.read(10), 6)
                size = (height & 0x3FFF, width & 0x3FFF)
                break
            elif kind == b"VP8L" and size is None:
                (bits,) = struct.unpack_from("<I", file.read(5), 1)
                size = (1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF))
                break
            elif kind == b"EXIF" and length <= LONGEST_EXIF:
                orientation = _exif_orientation(file.read(length))
            file.seek(content + length + (length & 1))
    except (struct.error, IndexError) as error:
        raise HeaderError("its header is cut off or damaged") from error
    if size is None:
        raise HeaderError("its header is cut off or damaged (no WebP image)")
    return ImageHeader("WebP", size, orientation)
