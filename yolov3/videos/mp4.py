"""MPEG-4 files (ISO/IEC 14496-12 and -14) that can be played at every moment while they grow.

A file grows by fragments, each a whole one with its own index, so that whoever dies or finds the disk full leaves what
was there before. At the end one index of all frames is added, and the head of the file is changed so that players see
an ordinary MPEG-4 file: ``ftyp``, ``mdat`` with the fragments inside, ``moov``.
"""

from __future__ import annotations

import array
import contextlib
import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from yolov3.structures import Size

MOST_UNITS = 2**31 - 1  # of time: half of what a field of 32 bits holds
FINEST_RATE = 1_000_000  # denominators of rates are no larger

_WHOLE_PLANE = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_VOP, _GROUP = b"\0\0\1\xb6", b"\0\0\1\xb3"  # start codes of ISO/IEC 14496-2: an image, a group of them
_KEY_SAMPLE, _OTHER_SAMPLE = 0x02000000, 0x01010000  # depends on no other; depends on others and is no key
_HEAD = struct.Struct(">I4sQ")  # of a box whose size has 64 bits


class Mp4File:
    """Images that another program encoded as MPEG-4 part 2, without such that depend on later ones, at a constant
    ``rate``. Raises OSError, from the first moment on, when the file cannot be written; it is whole up to the last
    fragment then."""

    def __init__(self, path: Path, *, size: Size, rate: float) -> None:
        self.size = size
        self._units, self._duration = _clock(rate)
        self._sizes = array.array("I")
        self._keys = array.array("I")
        self._chunks: list[tuple[int, int]] = []  # (place of its first frame in the file, frames)
        self._config = b""
        self._stream = path.open("w+b", buffering=0)
        self._end = 0

    @property
    def frames(self) -> int:
        """So many can be read from the file now."""
        return len(self._sizes)

    def append(self, packets: Sequence[bytes]) -> None:
        """Add encoded frames, the first of which depends on no other. Raises OSError."""
        if not packets:
            return
        head = b""
        if not self.frames:
            self._config = decoder_config(packets[0])
            head = _file_type() + _free() + self._moov(fragmented=True)
        keys = [is_key(packet) for packet in packets]
        index = self._moof(packets, keys)
        start = self._end + len(head) + len(index) + 8
        self._add(b"".join((head, index, struct.pack(">I4s", 8 + sum(map(len, packets)), b"mdat"), *packets)))
        self._keys.extend(self.frames + number for number, key in enumerate(keys) if key)
        self._sizes.extend(map(len, packets))
        self._chunks.append((start, len(packets)))

    def finish(self) -> None:
        """Add the index of all frames and close the file; without it the file stays one of fragments. Raises OSError."""
        try:
            if self.frames:
                end = self._end
                self._add(self._moov(fragmented=False))
                place = len(_file_type())
                # One write of 16 bytes: before it the file consists of fragments, after it all of them are one box.
                self._write(place, _HEAD.pack(1, b"mdat", end - place))
        finally:
            self.close()

    def close(self) -> None:
        """Close the file as it is."""
        self._stream.close()

    def _add(self, data: bytes) -> None:
        try:
            self._write(self._end, data)
        except OSError:
            with contextlib.suppress(OSError):
                self._stream.truncate(self._end)
            raise
        self._end += len(data)

    def _write(self, place: int, data: bytes) -> None:
        self._stream.seek(place)
        left = memoryview(data)
        while left:  # a disk that becomes full takes a part first
            left = left[self._stream.write(left) :]

    def _moof(self, packets: Sequence[bytes], keys: Sequence[bool]) -> bytes:
        samples = b"".join(
            struct.pack(">II", len(packet), _KEY_SAMPLE if key else _OTHER_SAMPLE)
            for packet, key in zip(packets, keys, strict=True)
        )
        parts = [
            _full_box(b"tfhd", struct.pack(">II", 1, self._duration), flags=0x020008),
            _full_box(b"tfdt", struct.pack(">Q", self.frames * self._duration), version=1),
        ]
        sequence = _full_box(b"mfhd", struct.pack(">I", len(self._chunks) + 1))
        run_size = 12 + 8 + len(samples)
        data_offset = 8 + len(sequence) + 8 + sum(map(len, parts)) + run_size + 8
        run = _full_box(b"trun", struct.pack(">Ii", len(packets), data_offset) + samples, flags=0x000601)
        return _box(b"moof", sequence, _box(b"traf", *parts, run))

    def _moov(self, *, fragmented: bool) -> bytes:
        duration = 0 if fragmented else self.frames * self._duration
        height, width = self.size
        movie = _full_box(
            b"mvhd",
            struct.pack(">QQIQ", 0, 0, self._units, duration),
            struct.pack(">iHH8x", 0x10000, 0x100, 0) + _WHOLE_PLANE + bytes(24) + struct.pack(">I", 2),
            version=1,
        )
        track = _full_box(
            b"tkhd",
            struct.pack(">QQIIQ", 0, 0, 1, 0, duration) + bytes(16) + _WHOLE_PLANE,
            struct.pack(">II", width << 16, height << 16),
            version=1,
            flags=3,
        )
        media_head = _full_box(b"mdhd", struct.pack(">QQIQHH", 0, 0, self._units, duration, 0x55C4, 0), version=1)
        handler = _full_box(b"hdlr", struct.pack(">I4s12x", 0, b"vide") + b"VideoHandler\0")
        source = _full_box(b"dref", struct.pack(">I", 1), _full_box(b"url ", flags=1))
        information = _box(
            b"minf", _full_box(b"vmhd", bytes(8), flags=1), _box(b"dinf", source), self._table(empty=fragmented)
        )
        parts = [movie, _box(b"trak", track, _box(b"mdia", media_head, handler, information))]
        if fragmented:
            parts.append(_box(b"mvex", _full_box(b"trex", struct.pack(">5I", 1, 1, self._duration, 0, 0))))
        return _box(b"moov", *parts)

    def _table(self, *, empty: bool) -> bytes:
        """Where each frame lies."""
        height, width = self.size
        visual = struct.pack(">6xH16xHHII4xH32xHh", 1, width, height, 0x480000, 0x480000, 1, 24, -1)
        description = _full_box(b"stsd", struct.pack(">I", 1), _box(b"mp4v", visual, self._descriptor()))
        if empty:
            nothing = struct.pack(">I", 0)
            sizes = _full_box(b"stsz", nothing, nothing)
            return _box(
                b"stbl", description, *(_full_box(kind, nothing) for kind in (b"stts", b"stsc", b"stco")), sizes
            )
        times = _full_box(b"stts", struct.pack(">III", 1, self.frames, self._duration))
        keys = _full_box(b"stss", struct.pack(">I", len(self._keys)), _numbers("I", [key + 1 for key in self._keys]))
        runs = [  # those chunks alone that have another number of frames than the one before
            (number + 1, frames)
            for number, (_, frames) in enumerate(self._chunks)
            if not number or self._chunks[number - 1][1] != frames
        ]
        chunks = _full_box(b"stsc", struct.pack(">I", len(runs)), *(struct.pack(">III", *run, 1) for run in runs))
        sizes = _full_box(b"stsz", struct.pack(">II", 0, self.frames), _numbers("I", self._sizes))
        places = _full_box(
            b"co64", struct.pack(">I", len(self._chunks)), _numbers("Q", [place for place, _ in self._chunks])
        )
        return _box(b"stbl", description, times, keys, chunks, sizes, places)

    def _descriptor(self) -> bytes:
        config = _descriptor(5, self._config)
        decoder = _descriptor(4, struct.pack(">BBBHII", 0x20, 0x11, 0, 0, 0, 0), config)
        return _full_box(b"esds", _descriptor(3, struct.pack(">HB", 1, 0), decoder, _descriptor(6, b"\2")))


def decoder_config(packet: bytes) -> bytes:
    """What a decoder has to know before the first image: all that precedes it in a packet. Raises ValueError."""
    ends = [place for place in (packet.find(_GROUP), packet.find(_VOP)) if place > 0]
    if not ends:
        raise ValueError("the first frame does not say how it is encoded")
    return packet[: min(ends)]


def is_key(packet: bytes) -> bool:
    """Whether an image depends on no other."""
    place = packet.find(_VOP) + len(_VOP)
    return len(_VOP) <= place < len(packet) and packet[place] >> 6 == 0


def _clock(rate: float) -> tuple[int, int]:
    """(units of time a second, units that a frame lasts) for a rate."""
    finest = max(1, min(FINEST_RATE, int(MOST_UNITS / max(rate, 1.0))))
    exact = Fraction(rate).limit_denominator(finest)
    if not exact:  # so slow that its inverse says it better
        return 1, min(MOST_UNITS, round(1 / rate))
    return exact.numerator, exact.denominator


def _file_type() -> bytes:
    return _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2iso5mp41")


def _free() -> bytes:
    """The place that becomes the head of one box around all fragments."""
    return _box(b"free", bytes(_HEAD.size - 8))


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _descriptor(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = [len(content) >> shift & 0x7F for shift in (21, 14, 7, 0)]
    return bytes((tag, *(byte | 0x80 for byte in size[:3]), size[3])) + content


def _numbers(kind: str, numbers: Sequence[int] | array.array[int]) -> bytes:
    """Numbers of 32 (I) or 64 bits (Q), big end first."""
    packed = array.array(kind, numbers)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()
