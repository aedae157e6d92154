"""The chunks of a PNG (W3C's specification, section 5), walked before any decoder sees them: a decoder takes memory for
whatever length a chunk claims to have."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_START = SIGNATURE + b"\0\0\0\rIHDR"
"""How every PNG begins: the header comes first and has 13 bytes. Readers that take it from anywhere may disagree."""

_HEADER_END = 33

END = b"\0\0\0\0IEND\xaeB`\x82"
_SHOWN = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT"))
"""The chunks that tell what the still image looks like to a decoder; the others hold texts, profiles and animations, whose
sizes are theirs to claim."""

MOST_CHUNKS = 10_000  # before the pixels
LONGEST_EXIF = 1_000_000  # bytes
_FLUSHES = 1 << 16  # bytes by which packed pixels may be longer than plain ones, beside a tenth

_BLOCK, _PIECE = 1 << 16, 1 << 20  # bytes that are unpacked at a time, and at most to
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


class PngChunk(NamedTuple):
    """A chunk whose bytes ``start`` to ``stop`` are all there, its length, name and checksum among them."""

    kind: bytes
    start: int
    stop: int


class PngImage(NamedTuple):
    """What the header says of the pixels."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: int

    @property
    def bytes_of_pixels(self) -> int:
        """Of an image that is not interlaced, not compressed, with the byte before each row. Raises ValueError for a type
        of colours that there is not."""
        if self.colour not in _CHANNELS or self.depth not in (1, 2, 4, 8, 16):
            raise ValueError(f"colours of type {self.colour} in {self.depth} bits")
        return self.height * (1 + (self.width * self.depth * _CHANNELS[self.colour] + 7) // 8)


def read_png_head(file: BinaryIO) -> tuple[PngImage, bytes]:
    """The header and the EXIF block, empty where there is none, of the PNG that a file holds, from the chunks before its
    pixels. Raises ValueError where they are not all there."""
    file.seek(0)
    image = png_image(file.read(_HEADER_END))
    exif = b""
    for _ in range(MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("cut off")
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            return image, exif
        if kind == b"eXIf" and length <= LONGEST_EXIF:
            exif = file.read(length)
            length -= len(exif)
        file.seek(length + 4, 1)
    raise ValueError("no pixels")


def png_image(data: bytes) -> PngImage:
    """The header of a PNG. Raises ValueError where it is not in its place."""
    if not data.startswith(HEADER_START) or len(data) < _HEADER_END:
        raise ValueError("a PNG that does not begin with its header")
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    return PngImage(width, height, depth, colour, interlaced)


def png_chunks(data: bytes) -> Iterator[PngChunk]:
    """The chunks up to the end's, as far as they are whole."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        stop = place + 12 + length
        if stop > len(data):
            return
        yield PngChunk(kind, place, stop)
        if kind == b"IEND":
            return
        place = stop


def is_whole_png(data: bytes) -> bool:
    """Whether its chunks follow each other up to the end's."""
    return any(chunk.kind == b"IEND" for chunk in png_chunks(data))


def still_png(data: bytes) -> bytes:
    """A whole PNG with nothing in it but its still image: what follows the end and all that is not shown is left out.
    Raises ValueError where it packs more than its pixels: a decoder unpacks all of it, to throw it away."""
    chunks = list(png_chunks(data))
    packed = sum(chunk.stop - chunk.start for chunk in chunks if chunk.kind == b"IDAT")
    plain = png_image(data).bytes_of_pixels
    if packed > plain + plain // 10 + _FLUSHES:
        raise ValueError(f"{packed} bytes of pixels, which are {plain} unpacked")
    if all(chunk.kind in _SHOWN for chunk in chunks[:-1]):
        return data[: chunks[-1].stop]
    view = memoryview(data)
    shown = [view[chunk.start : chunk.stop] for chunk in chunks if chunk.kind in _SHOWN]
    return b"".join((SIGNATURE, *shown, END))


def ended_png(data: bytes) -> bytes:
    """A PNG that was cut off, with black in place of what is missing. What it compressed is unpacked as far as the image
    goes and no further. Raises zlib.error or ValueError where that cannot be done."""
    image = png_image(data)
    if image.interlaced or not image.height:
        raise ValueError("an interlaced PNG cannot be ended")
    first, compressed = _split(data)
    size = image.bytes_of_pixels
    unpacker, packer, packed, left = zlib.decompressobj(), zlib.compressobj(1), [], size
    for start in range(0, len(compressed), _BLOCK):  # piece by piece: all pixels need not be in memory
        rest = compressed[start : start + _BLOCK]
        while rest and left:
            pixels = unpacker.decompress(rest, min(left, _PIECE))
            rest = unpacker.unconsumed_tail
            packed.append(packer.compress(pixels))
            left -= len(pixels)
    while left:
        packed.append(packer.compress(bytes(min(left, _PIECE))))
        left -= min(left, _PIECE)
    return b"".join((first, _chunk(b"IDAT", b"".join((*packed, packer.flush()))), END))


def closed_png(data: bytes) -> bytes:
    """A PNG that was cut off, with the end behind what is there: decoders may show of it what they can."""
    first, compressed = _split(data)
    return b"".join((first, _chunk(b"IDAT", compressed), END))


def _split(data: bytes) -> tuple[bytes, bytes]:
    """What is shown of what stands before the pixels, and the compressed pixels as far as they go."""
    before, parts, place = [SIGNATURE], [], len(SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            parts.append(data[place + 8 : place + 8 + length])
        elif parts:
            break
        elif kind in _SHOWN and place + 12 + length <= len(data):
            before.append(data[place : place + 12 + length])
        place += 12 + length
    return b"".join(before), b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
