"""The largest numbers that mean anything here: far beyond what anybody has trained, far below what no machine can hold.

Options and settings take them as the upper end of what they allow, so that a slip of the finger is told in a line and does
not run until memory or patience ends.
"""

from __future__ import annotations

LARGEST_SIDE = 8192
"""Pixels of a side of a network's input."""

LARGEST_BATCH = 65_536
"""Images that are computed together."""

LARGEST_WIDTH = 16.0
"""Factor on the channels of a network; 16 makes YOLOv3 one of 15 thousand million weights."""

MOST_CLASSES = 100_000
"""Classes of a network."""

MOST_EPOCHS = 1_000_000
"""Times through a data set."""

MOST_WORKERS = 1024
"""Processes that read images."""

LARGEST_SEED = 2**63 - 1
"""Of what NumPy and PyTorch both take."""

LARGEST_RATE = 100.0
"""Learning rate; from 1 on nothing is learned."""

LARGEST_COUNT = 10**9
"""Of anything else that is counted."""

LARGEST_NUMBER = 1e9
"""Of anything else that is measured."""
