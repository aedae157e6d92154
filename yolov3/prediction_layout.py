"""Where the entries of a prediction lie: x, y, w, h, objectness, then a number per class. Darknet's order, said once.

A raw map is (B, A, H, W, NUM_BOX_ENTRIES + C): its last dimension is what these constants index.
"""

from __future__ import annotations

BOX = slice(0, 4)
XY = slice(0, 2)
WH = slice(2, 4)
OBJECTNESS = 4
CLASSES = slice(5, None)

FIXED_ENTRIES = 5
"""Entries that every prediction has, whatever its classes: the box and the objectness."""
