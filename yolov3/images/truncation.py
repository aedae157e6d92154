"""Is the end of an image's file missing, and how to end it so that what arrived can still be looked at.

Decoders differ here: some return half an image without a word, some nothing at all. So the bytes are asked. Inside
a JPEG's scan 0xFF is always followed by 0x00 or a restart marker, so an end marker behind the first scan's beginning
is a real one; a thumbnail's lies before it. A PNG ends with its IEND chunk. What follows the end does not matter.
"""

from __future__ import annotations

import struct
import zlib

from yolov3.images.header import ImageHeader

_JPEG_END = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def is_truncated(data: bytes, header: ImageHeader) -> bool:
    """Whether the end of a JPEG or a PNG is missing. Other formats are left to the decoder, which refuses them."""
    if header.format == "JPEG":
        return data.rfind(_JPEG_END, header.data_start) < 0
    if header.format == "PNG":
        return data.rfind(_PNG_END) < 0
    return False


def complete(data: bytes, header: ImageHeader) -> bytes:
    """A truncated file with a proper end: a JPEG's missing rows decode to grey, a PNG's to black or to repetitions of
    the last row. A PNG that cannot be ended (interlaced, damaged besides, too large for memory) comes back as it was."""
    if header.format == "JPEG":
        return data + _JPEG_END
    try:
        return _complete_png(data)
    except (zlib.error, struct.error, KeyError, MemoryError):
        return data


def _complete_png(data: bytes) -> bytes:
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if interlaced:
        return data
    first, compressed = _split_chunks(data)
    size = height * (1 + (width * depth * _PNG_CHANNELS[colour] + 7) // 8)
    pixels = zlib.decompressobj().decompress(compressed, size).ljust(size, b"\0")  # what is more would be a bomb
    return first + _png_chunk(b"IDAT", zlib.compress(pixels, 1)) + _PNG_END


def _split_chunks(data: bytes) -> tuple[bytes, bytes]:
    """What stands before the pixels, and the compressed pixels as far as they go."""
    place, first_end, parts = 8, 0, []
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            first_end = first_end or place
            parts.append(data[place + 8 : place + 8 + length])
        elif first_end:
            break
        place += 12 + length
    return data[:first_end], b"".join(parts)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
