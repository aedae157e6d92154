"""How frames that come when they come make a video of one rate."""

from __future__ import annotations

LONGEST_STILL = 5.0  # seconds that a frame is shown at most; a longer gap is cut short


class Timeline:
    """Says how often each frame is to be written to a video of ``rate`` frames a second, so that it plays as fast as things
    happened: several times where others were passed over, not at all where more come than the rate has room for."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._start: float | None = None
        self._written = 0

    def times(self, seconds: float) -> int:
        """For the frame at these seconds, which never run backwards: as many as end with it."""
        if self._start is None:
            self._start = seconds
        most = max(1, round(LONGEST_STILL * self._rate))
        count = max(0, round((seconds - self._start) * self._rate) + 1 - self._written)
        if count > most:
            self._start += (count - most) / self._rate
            count = most
        self._written += count
        return count
