"""The head of a JPEG: what stands before its first scan, segment by segment (ITU-T T.81, annex B).

Pillow's reader makes an image and its tables of every head, which takes longer than all else that is done to a small
photograph before it is decoded; so the three things that are asked of it are picked out here.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

LARGEST = 2**20
"""Bytes of what is no segment between two of them; more is no JPEG."""

MOST_SCANS = 500
"""A progressive JPEG has about ten; libjpeg-turbo's own tools take more than 500 for an attack."""

MOST_SCANNED = 2_500_000_000
"""Scans times pixels: every scan goes over the whole image, however few bytes it has; a second or two."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the others are tables
_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # markers without a segment
_SCAN, _APP1 = 0xDA, 0xE1
_EXIF = b"Exif\0\0"


class JpegHead(NamedTuple):
    """``size`` (height, width) as stored; ``exif``, the block with its six letters, or empty; ``data_start``: behind the head
    of the first scan."""

    size: tuple[int, int]
    exif: bytes
    data_start: int


def read_jpeg_head(file: BinaryIO) -> JpegHead:
    """The head of a JPEG that starts where ``file`` stands. Raises ValueError for one that is cut off, has no scan, or has
    samples or colours that no photograph has."""
    if file.read(2) != b"\xff\xd8":
        raise ValueError("no JPEG")
    size, exif, skipped = None, b"", 0
    while True:
        kind, passed = _next_marker(file, LARGEST - skipped)
        skipped += passed
        if kind in _ALONE:
            continue
        length = int.from_bytes(_exactly(file, 2), "big")
        if length < 2:
            raise ValueError("a segment without its length")
        content = _exactly(file, length - 2)
        if kind in _FRAMES:
            size = _size_of(content)
        elif kind == _APP1 and content.startswith(_EXIF):
            exif += content[len(_EXIF) :] if exif else content  # a long one goes on in the next segment
        elif kind == _SCAN:
            if size is None:
                raise ValueError("a scan of no frame")
            return JpegHead(size, exif, file.tell())


def check_scans(data: bytes, size: tuple[int, int], data_start: int) -> None:
    """Raise ValueError for a JPEG (height, width) whose scans, of which the first one's data begin at ``data_start``, would be
    decoded for minutes. In a scan's data 0xFF is never followed by a scan's mark; what tables between two scans hold
    may be counted with them."""
    scans = 1 + data.count(bytes((0xFF, _SCAN)), data_start)
    most = min(MOST_SCANS, MOST_SCANNED // (size[0] * size[1]))
    if scans > most:
        raise ValueError(f"{scans} scans; of a JPEG of this size at most {most} are decoded")


def _next_marker(file: BinaryIO, most: int) -> tuple[int, int]:
    """The marker that comes next, and how many bytes that belong to nothing, at ``most``, were passed over."""
    before = b""
    for passed in range(most + 1):
        byte = _exactly(file, 1)
        if before == b"\xff" and byte not in (b"\0", b"\xff"):  # an escaped byte; a filler
            return byte[0], max(0, passed - 1)
        before = byte
    raise ValueError("no segments")


def _size_of(frame: bytes) -> tuple[int, int]:
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in (1, 3, 4):
        raise ValueError("neither 8 bits nor 1, 3 or 4 colours")
    return int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise ValueError("cut off")
    return data
