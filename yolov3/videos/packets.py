"""Frames encoded by OpenCV, as packets: it has no other way to give them than in a file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from yolov3.machine.opencv_messages import opencv_silenced
from yolov3.structures import Size

USUAL_RATE = 25.0  # the encoder is told; what lasts how long is said by the file that the packets go into
PROBE = 1 << 20  # bytes that a disk with room for a frame has room for
_LIST, _FRAME = (b"RIFF", b"LIST"), b"00dc"


class PacketEncoder:
    """MPEG-4 part 2 of frames of one even ``size``, the first of which depends on none before it. The file ``place`` (AVI,
    which needs no index to be read) is written anew and remains."""

    def __init__(self, place: Path, size: Size) -> None:
        self.place = place
        height, width = size
        code = cv2.VideoWriter.fourcc(*"mp4v")
        with opencv_silenced():
            self._writer = cv2.VideoWriter(str(place), cv2.CAP_FFMPEG, code, USUAL_RATE, (width, height))
        self.is_open = self._writer.isOpened()

    def write(self, image_bgr: np.ndarray) -> None:
        """Add an (H, W, 3) uint8 BGR frame."""
        self._writer.write(image_bgr)

    def packets(self) -> list[bytes]:
        """Of the frames so far; those at the end are missing where the disk had no room for them. Nothing can be added
        afterwards. Raises OSError."""
        self._writer.release()
        return list(read_packets(self.place.read_bytes()))

    def require_room(self) -> None:
        """Raise the OSError that OpenCV says nothing of, where frames are missing for want of room."""
        with self.place.open("ab", buffering=0) as stream:
            stream.write(bytes(PROBE))


def read_packets(avi: bytes) -> Iterator[bytes]:
    """The whole frames in the bytes of an AVI file, which may be cut off."""
    place = 0
    while place + 8 <= len(avi):
        kind, size = struct.unpack_from("<4sI", avi, place)
        if kind in _LIST:
            if avi[place + 8 : place + 12] in (b"AVI ", b"movi"):
                place += 12
                continue
        elif kind == _FRAME:
            if place + 8 + size > len(avi):
                return
            yield avi[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
