"""Numbers on a command line: each option says between which ends its own lie, and everything else is told in a line."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass

from yolov3.limits import (
    LARGEST_BATCH,
    LARGEST_COUNT,
    LARGEST_RATE,
    LARGEST_SEED,
    LARGEST_SIDE,
    LARGEST_WIDTH,
    MOST_CLASSES,
    MOST_EPOCHS,
    MOST_WORKERS,
)
from yolov3.watching.printable import quoted

_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,40}\s*\Z")


@dataclass(frozen=True)
class WholeNumber:
    """A type for argparse: whole numbers from ``least`` to ``most``."""

    least: int
    most: int

    def __call__(self, text: str) -> int:
        """The number that a word says. Raises ArgumentTypeError for another, and for what is none."""
        if _WHOLE.match(text) and self.least <= int(text) <= self.most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"found {quoted(text, 60)}; must be a whole number from {self.least} to {self.most}"
        )


@dataclass(frozen=True)
class Number:
    """A type for argparse: numbers from ``least`` to ``most``, the ends themselves only where they are not ``open_`` ones.
    What is no number or not finite lies nowhere."""

    least: float
    most: float
    open_least: bool = False
    open_most: bool = False

    def __call__(self, text: str) -> float:
        """The number that a word says. Raises ArgumentTypeError for another, and for what is none."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if self.holds(value):
            return value
        low, high = "above" if self.open_least else "from", "below" if self.open_most else "to"
        raise argparse.ArgumentTypeError(
            f"found {quoted(text, 60)}; must be a number {low} {self.least:g} {high} {self.most:g}"
        )

    def holds(self, value: float) -> bool:
        """Whether a number lies between the ends; not so for what is no number."""
        above = self.least < value if self.open_least else self.least <= value
        return above and (value < self.most if self.open_most else value <= self.most)


SIDE = WholeNumber(1, LARGEST_SIDE)
"""Of a network's input; which multiples it takes is the network's to say."""
BATCH_SIZE = WholeNumber(1, LARGEST_BATCH)
NUM_CLASSES = WholeNumber(1, MOST_CLASSES)
EPOCHS = WholeNumber(1, MOST_EPOCHS)
WORKERS = WholeNumber(0, MOST_WORKERS)
SEED = WholeNumber(0, LARGEST_SEED)
COUNT = WholeNumber(1, LARGEST_COUNT)
COUNT_FROM_ZERO = WholeNumber(0, LARGEST_COUNT)
WIDTH = Number(0, LARGEST_WIDTH, open_least=True)
RATE = Number(0, LARGEST_RATE, open_least=True)
SHARE = Number(0, 1)
PERCENT = Number(0, 100)
