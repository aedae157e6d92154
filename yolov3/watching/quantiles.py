"""Medians and other quantiles of times that never stop coming, in memory that does not grow."""

from __future__ import annotations

import math

LEAST, MOST = 1e-4, 1e5  # seconds: what is less or more counts as these
STEP = 1.02  # of a bin; a quantile is right to one percent
_BINS = math.ceil(math.log(MOST / LEAST) / math.log(STEP)) + 1


class Quantiles:
    """Counts positive numbers in bins that each are STEP times as wide as the one before."""

    def __init__(self) -> None:
        self.count = 0
        self._bins = [0] * _BINS

    def add(self, value: float) -> None:
        """Count a number."""
        place = math.log(min(max(value, LEAST), MOST) / LEAST) / math.log(STEP)
        self._bins[round(place)] += 1
        self.count += 1

    def at(self, share: float) -> float:
        """The number that this share of all does not exceed, to one percent; NaN where there is none."""
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for place, count in enumerate(self._bins):
            seen += count
            if seen >= wanted:
                return LEAST * STEP**place
        return math.nan
