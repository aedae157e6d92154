"""The moment at which a live frame was captured, by two clocks: the one that people set, and the one that only goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Instant:
    """``unix``: seconds since 1970, to be shown; ``monotonic``: of ``time.monotonic``, to be reckoned with."""

    unix: float
    monotonic: float

    @staticmethod
    def now() -> Instant:
        """This moment."""
        return Instant(time.time(), time.monotonic())

    def later(self, seconds: float) -> Instant:
        """So many seconds after this one."""
        return Instant(self.unix + seconds, self.monotonic + seconds)

    @property
    def age(self) -> float:
        """The seconds since then, none where it is yet to come."""
        return max(0.0, time.monotonic() - self.monotonic)
