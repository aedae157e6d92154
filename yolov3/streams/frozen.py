"""Whether a stream shows one and the same image again and again, as a camera does that hangs."""

from __future__ import annotations

import zlib

import numpy as np

SIDE = 32  # pixels of the thumbnail that is compared first: noise of a living camera shows there


class FrozenImage:
    """Looks at one frame after the other. An image is the same when every byte is; that is only computed where a few pixels
    agree already."""

    def __init__(self, seconds: float) -> None:
        self._after = seconds
        self._thumbnail: bytes = b""
        self._checksum: int | None = None
        self._since = 0.0
        self.is_frozen = False

    def look(self, image: np.ndarray, now: float) -> bool:
        """Whether that has changed with this (H, W, 3) uint8 image at the time ``now``: see ``is_frozen``."""
        was = self.is_frozen
        if self._is_same(image):
            self.is_frozen = now - self._since >= self._after
        else:
            self._since, self.is_frozen = now, False
        return self.is_frozen != was

    def _is_same(self, image: np.ndarray) -> bool:
        height, width = image.shape[:2]
        thumbnail = np.ascontiguousarray(image[:: max(1, height // SIDE), :: max(1, width // SIDE)]).tobytes()
        if thumbnail != self._thumbnail:
            self._thumbnail, self._checksum = thumbnail, None
            return False
        checksum = zlib.crc32(np.ascontiguousarray(image).data)
        same = self._checksum in (None, checksum)  # of the first, nobody has computed it
        self._checksum = checksum
        return same
