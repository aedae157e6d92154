"""Images that show nearly the same as the one before: frames of a film, a burst of photographs.

Told by their difference hashes (N. Krawetz 2013): 64 bits that say, for a grey image of 9 x 8 pixels, whether each pixel
is brighter than its left neighbour. The same scene a moment later differs in a few of them, another scene in about
half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from yolov3.images.files import ImageError, read_thumbnail
from yolov3.watching.watcher import Watcher

DECODERS = 4  # images that are decoded at once
ADVANCE_EVERY = 50  # images
HASH_SIDE = 8
MOST_DIFFERENT = 10  # bits of 64 in which look-alikes differ at the most
PLAIN_RANGE = 8  # grey levels; an image that spans less has no features to be told by


def group_neighbours(paths: Sequence[Path], watcher: Watcher | None = None) -> list[int]:
    """A group's number for each image: in the order of names within a folder, one that looks like the one before is in
    its group. An image that cannot be read is in a group of its own. The watcher is told how many have been looked at."""
    order = sorted(range(len(paths)), key=lambda place: (str(paths[place].parent), natural_key(paths[place].name)))
    watcher, hashes = watcher or Watcher(), list[int | None]()
    with ThreadPoolExecutor(DECODERS) as pool:
        try:
            for found in pool.map(lambda place: difference_hash(paths[place]), order):
                hashes.append(found)
                if len(hashes) % ADVANCE_EVERY == 0:
                    watcher.advance(len(hashes), len(order), text="looking for near-identical images")
        except BaseException:  # such as Ctrl-C, which does not wait for the rest
            pool.shutdown(cancel_futures=True)
            raise
    groups = [0] * len(paths)
    number = 0
    for here, place in enumerate(order):
        before = order[here - 1] if here else place
        is_alike = (
            here > 0 and paths[place].parent == paths[before].parent and _are_alike(hashes[here - 1], hashes[here])
        )
        number += not is_alike
        groups[place] = number
    return groups


def difference_hash(path: Path) -> int | None:
    """The hash of an image; None when it cannot be read or is of one colour."""
    try:
        grey = read_thumbnail(path)
    except ImageError:
        return None
    return hash_of(grey)


def hash_of(grey: np.ndarray) -> int | None:
    """The hash of a small grey copy (h, w) uint8 of an image; None when it is of one colour."""
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    if int(small.max()) - int(small.min()) < PLAIN_RANGE:
        return None
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key by which ``frame9`` comes before ``frame10``."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split(r"(\d+)", name) if part]


def _are_alike(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None and (first ^ second).bit_count() <= MOST_DIFFERENT
