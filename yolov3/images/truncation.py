"""Is the end of an image's file missing, and how to end it so that what arrived can still be looked at.

Decoders differ here: some return half an image without a word, some nothing at all. So the bytes are asked. Inside
a JPEG's scan 0xFF is always followed by 0x00 or a restart marker, so an end marker behind the first scan's beginning
is a real one; a thumbnail's lies before it. A PNG ends with its IEND chunk, to which its chunks have to lead. What follows
the end does not matter.
"""

from __future__ import annotations

import zlib

from yolov3.images.header import ImageHeader
from yolov3.images.png import closed_png, ended_png, is_whole_png

_JPEG_END = b"\xff\xd9"


def is_truncated(data: bytes, header: ImageHeader) -> bool:
    """Whether the end of a JPEG or a PNG is missing. Other formats are left to the decoder, which refuses them."""
    if header.format == "JPEG":
        return data.rfind(_JPEG_END, header.data_start) < 0
    if header.format == "PNG":
        return not is_whole_png(data)
    return False


def complete(data: bytes, header: ImageHeader) -> bytes:
    """A truncated file with a proper end: a JPEG's missing rows decode to grey, a PNG's to black or to repetitions of
    the last row. A PNG whose pixels cannot be unpacked (interlaced, damaged besides) gets its end behind what is there."""
    if header.format == "JPEG":
        return data + _JPEG_END
    try:
        return ended_png(data)
    except (zlib.error, ValueError):
        return closed_png(data)
