"""What an image's file says before anything is decoded: its format, its size, how the camera was held.

Pillow reads BMP and GIF, each by the reader that its first bytes name, whatever the file is called; pixels are
left alone. Its readers are called one by one because ``Image.open`` warns of images that we read. Of a WebP Pillow makes
a decoder, which takes memory for the whole image, of a TIFF it reads all that its entries claim, of a PNG all texts; so
their few bytes are read here (Google's container specification, RFC 6386), in ``tiff.py`` and in ``png.py``, as a JPEG's
are in ``jpeg.py``.
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
)

from yolov3.images import tiff
from yolov3.images.jpeg import read_jpeg_head
from yolov3.images.png import LONGEST_EXIF, SIGNATURE, read_png_head
from yolov3.structures import Size

MOST_WEBP_CHUNKS = 10_000
SMALL_TILE = 2048**2  # pixels of a TIFF's tile that are fine whatever the image's size
DEEPEST = 16  # bits of a sample

_READERS: dict[tuple[bytes, ...], tuple[str, Callable[[BinaryIO], ImageFile.ImageFile]]] = {
    (b"GIF87a", b"GIF89a"): ("GIF", GifImagePlugin.GifImageFile),
    (b"BM",): ("BMP", BmpImagePlugin.BmpImageFile),
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
    if start.startswith(tiff.SIGNATURES):
        return _read_tiff(file)
    if start.startswith(SIGNATURE):
        return _read_png(file)
    for signatures, (name, reader) in _READERS.items():
        if start.startswith(signatures):
            file.seek(0)
            return _read_with(reader, name, file)
    raise HeaderError("not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)")


def _read_with(reader: Callable[[BinaryIO], ImageFile.ImageFile], name: str, file: BinaryIO) -> ImageHeader:
    try:
        image = reader(file)
        width, height = image.size
    except _DAMAGED as error:
        raise HeaderError("its header is cut off or damaged") from error
    return ImageHeader(name, (height, width))


def _read_png(file: BinaryIO) -> ImageHeader:
    try:
        image, exif = read_png_head(file)
    except ValueError as error:
        raise HeaderError(f"its header is cut off or damaged ({error})") from error
    return ImageHeader("PNG", (image.height, image.width), tiff.exif_orientation(exif))


def _read_tiff(file: BinaryIO) -> ImageHeader:
    """The header of a TIFF whose pixels take no more memory than the image: neither deeper samples nor tiles far beyond
    it."""
    asked = (tiff.WIDTH, tiff.HEIGHT, tiff.BITS, tiff.SAMPLE_FORMAT, tiff.TILE_WIDTH, tiff.TILE_HEIGHT)
    try:
        found = tiff.read_directory(file, *asked, tiff.ORIENTATION)
        width, height = found[tiff.WIDTH][0], found[tiff.HEIGHT][0]
    except (ValueError, KeyError) as error:
        raise HeaderError("its header is cut off or damaged") from error
    bits, formats = found.get(tiff.BITS, (1,)), found.get(tiff.SAMPLE_FORMAT, (1,))
    if not 1 <= max(bits) <= DEEPEST or max(formats) == tiff.FLOATING:
        kind = "float" if max(formats) == tiff.FLOATING else "int"
        raise HeaderError(f"{kind}{max(bits)} samples; 8 and 16 bit images are read")
    tile_width, tile_height = found.get(tiff.TILE_WIDTH, (1,))[0], found.get(tiff.TILE_HEIGHT, (1,))[0]
    if tile_width * tile_height > max(SMALL_TILE, 2 * width * height):
        raise HeaderError(f"tiles of {tile_width}x{tile_height} pixels in an image of {width}x{height}")
    return ImageHeader("TIFF", (height, width), tiff.orientation_of(found))


def _read_jpeg(file: BinaryIO) -> ImageHeader:
    file.seek(0)
    try:
        head = read_jpeg_head(file)
    except ValueError as error:
        raise HeaderError(f"its header is cut off or damaged ({error})") from error
    return ImageHeader("JPEG", head.size, tiff.exif_orientation(head.exif) if head.exif else 1, head.data_start)


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
                orientation = tiff.exif_orientation(file.read(length))
            file.seek(content + length + (length & 1))
    except (struct.error, IndexError) as error:
        raise HeaderError("its header is cut off or damaged") from error
    if size is None:
        raise HeaderError("its header is cut off or damaged (no WebP image)")
    return ImageHeader("WebP", size, orientation)
