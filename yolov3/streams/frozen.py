"""Whether a stream shows one and the same image again and again, as a camera does that hangs."""

from __future__ import annotations

import numpy as np

SIDE = 32  # rows and columns that are compared first: the noise of a living camera shows there


class FrozenImage:
    """Looks at one frame after the other, each an (H, W, 3) uint8 array that is kept until the next. An image is the same
    when every byte is; all are only compared where a few agree."""

    def __init__(self, seconds: float) -> None:
        self._after = seconds
        self._last: np.ndarray | None = None
        self._since = 0.0
        self.is_frozen = False

    def look(self, image: np.ndarray, now: float) -> bool:
        """Whether that has changed with this image at the time ``now``: see ``is_frozen``."""
        was = self.is_frozen
        if self._last is not None and _are_same(image, self._last):
            self.is_frozen = now - self._since >= self._after
        else:
            self._since, self.is_frozen = now, False
        self._last = image
        return self.is_frozen != was


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    few = (slice(None, None, max(1, one.shape[0] // SIDE)), slice(None, None, max(1, one.shape[1] // SIDE)))
    return np.array_equal(one[few], other[few]) and np.array_equal(one, other)
