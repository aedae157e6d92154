"""The first directory of a TIFF (TIFF 6.0, section 2), which EXIF blocks are too: the numbers that are asked for, and nothing
else is read. A directory may claim more than its file holds, or point to the same bytes many times, and readers that
take every entry take the memory for all of it.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

SIGNATURES = (b"II*\0", b"MM\0*")
WIDTH, HEIGHT, BITS, SAMPLE_FORMAT, TILE_WIDTH, TILE_HEIGHT = 256, 257, 258, 339, 322, 323
ORIENTATION = 0x0112
FLOATING = 3  # the sample format
MOST_VALUES = 8  # of an entry that is looked at; samples of a pixel, at most

_UNITS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by the number of its type."""


def read_directory(file: BinaryIO, *wanted: int) -> dict[int, tuple[int, ...]]:
    """The whole numbers of the wanted entries in the first directory of the file, by their tags; those that are absent or
    no whole numbers are left out. Raises ValueError for no TIFF, one that is cut off, has an entry twice or claims more
    bytes than there are."""
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(8)
    if len(start) < 8 or not start.startswith(SIGNATURES):
        raise ValueError("no TIFF")
    order = "<" if start[:2] == b"II" else ">"
    file.seek(struct.unpack_from(order + "I", start, 4)[0])
    count = struct.unpack(order + "H", _exactly(file, 2))[0]
    entries = _exactly(file, 12 * count)
    found: dict[int, tuple[int, ...]] = {}
    claimed = 0
    for place in range(0, len(entries), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", entries, place)
        held = number * _SIZES.get(kind, 1)
        claimed += held if held > 4 else 0
        if claimed > size:
            raise ValueError("its entries claim more bytes than the file has")
        if tag in wanted and kind in _UNITS and 1 <= number <= MOST_VALUES:
            if tag in found:
                raise ValueError(f"entry {tag} stands twice")
            value = entries[place + 8 : place + 12]
            if held > 4:
                file.seek(struct.unpack(order + "I", value)[0])
                value = _exactly(file, held)
            found[tag] = struct.unpack_from(f"{order}{number}{_UNITS[kind]}", value)
    return found


def exif_orientation(block: bytes) -> int:
    """The orientation, 1 to 8, in an EXIF block, with or without its six letters; 1 where it says nothing sensible:
    damaged EXIF is common in the wild and no reason to refuse an image."""
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    try:
        return orientation_of(read_directory(io.BytesIO(block), ORIENTATION))
    except ValueError:
        return 1


def orientation_of(directory: dict[int, tuple[int, ...]]) -> int:
    """The orientation in a directory's entries, or 1."""
    values = directory.get(ORIENTATION, ())
    return values[0] if len(values) == 1 and 1 <= values[0] <= 8 else 1


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise ValueError("cut off")
    return data
