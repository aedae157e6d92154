"""Images that are the same file, or show the same, within a split and between splits.

The same file: by a digest of its bytes. The same scene: difference hashes that differ in few bits
(yolov3/catalogue/look_alikes.py), and, since among all pairs of thousands of images some hashes agree by chance,
miniatures that correlate as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from yolov3.catalogue.look_alikes import MOST_DIFFERENT
from yolov3.checks.finding import Finding, first_places
from yolov3.checks.overlap import told_of_overlap
from yolov3.doctor.look import Look
from yolov3.doctor.opened import OpenedSplit
from yolov3.watching.words import counted

LEAST_CORRELATION = 0.9
"""Of two miniatures. In BCCD, all from one microscope, one scene that was taken twice has 0.98 and no other two images more
than 0.66; in 160 images of COCO the most is 0.76."""

LARGEST_TABLE = 4_000_000  # pairs of hashes compared at once: 32 MB
MOST_PARTNERS = (
    32  # of an image that are looked at, so that thousands of frames of one still do not make millions of pairs
)


@dataclass(frozen=True)
class Content:
    """One content: the ``homes`` of the files that have it, as split and path, and a look at one of them."""

    homes: tuple[tuple[str, Path], ...]
    look: Look

    def home_in(self, split: str) -> Path | None:
        """A file of it in a split."""
        return next((path for name, path in self.homes if name == split), None)


def check_duplicates(splits: Sequence[OpenedSplit]) -> Iterator[Finding]:
    """Copies and look-alikes in and between the splits."""
    contents = _contents(splits)
    names = [split.name for split in splits]
    for name in names:
        yield from _copies_within(contents, name)
    for first, second in combinations(names, 2):
        yield from _copies_between(contents, first, second)
    pairs = look_alikes([content.look for content in contents])
    for name in names:
        yield from _alike_within(contents, pairs, name)
    for first, second in combinations(names, 2):
        yield from _alike_between(contents, pairs, first, second)


def _contents(splits: Sequence[OpenedSplit]) -> list[Content]:
    homes: dict[bytes, list[tuple[str, Path]]] = defaultdict(list)
    looks: dict[bytes, Look] = {}
    for split in splits:
        for look in split.looks:
            if look.digest:
                homes[look.digest].append((split.name, look.path))
                looks.setdefault(look.digest, look)
    # The same file named twice is the survey's finding and no copy.
    return [Content(tuple(dict.fromkeys(places)), looks[digest]) for digest, places in homes.items()]


def _copies_within(contents: Sequence[Content], split: str) -> Iterator[Finding]:
    groups = [[path for name, path in content.homes if name == split] for content in contents]
    groups = [group for group in groups if len(group) > 1]
    if groups:
        more = sum(len(group) - 1 for group in groups)
        yield Finding(
            "duplicate-image", "warning", f"{split}: {counted(more, 'image file')} with the bytes of another one",
            first_places(" = ".join(map(str, group)) for group in groups), more,
            "they count more than others; where their labels differ, one contradicts the other", "keep one of each",
        )  # fmt: skip


def _copies_between(contents: Sequence[Content], first: str, second: str) -> Iterator[Finding]:
    pairs = []
    for content in contents:
        old = content.home_in(first)
        if old is not None:
            there = {path for name, path in content.homes if name == first}
            news = (path for name, path in content.homes if name == second)
            pairs += [(new, new if new in there else old) for new in news]
    yield from told_of_overlap(pairs, first, second)


def _alike_within(contents: Sequence[Content], pairs: Sequence[tuple[int, int]], split: str) -> Iterator[Finding]:
    here = [(contents[a].home_in(split), contents[b].home_in(split)) for a, b in pairs]
    here = [(old, new) for old, new in here if old is not None and new is not None]
    if here:
        more = len({new for _, new in here})
        yield Finding(
            "near-duplicate", "note", f"{split}: {counted(more, 'image')} with a look-alike named before",
            first_places(f"{new} ~ {old}" for old, new in here), more,
            "they teach little that is new, and their scenes count more than others", "keep one of each, or leave it",
        )  # fmt: skip


def _alike_between(
    contents: Sequence[Content], pairs: Sequence[tuple[int, int]], first: str, second: str
) -> Iterator[Finding]:
    twins: dict[Path, Path] = {}
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            new, old = contents[one].home_in(second), contents[other].home_in(first)
            is_copy = contents[one].home_in(first) or contents[other].home_in(second)
            if new is not None and old is not None and not is_copy:
                twins.setdefault(new, old)
    if twins:
        yield Finding(
            "near-duplicate-in-two-splits", "warning",
            f"{counted(len(twins), 'image')} of {second} with a look-alike in {first}",
            first_places(f"{new} ~ {old}" for new, old in twins.items()), len(twins),
            f"what is measured on {second} is partly memory: the result is too good",
            "divide by scene, film or patient (data.val_share with data.group_by), so that what belongs together stays so",
        )  # fmt: skip


def look_alikes(looks: Sequence[Look]) -> list[tuple[int, int]]:
    """The pairs of images, by their numbers, the smaller first, that show nearly the same."""
    told = [number for number, look in enumerate(looks) if look.hash is not None and look.miniature is not None]
    hashes = np.array([looks[number].hash for number in told], np.uint64)
    rows = max(1, LARGEST_TABLE // max(1, len(told)))
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(told), rows):
        different = np.bitwise_count(hashes[start : start + rows, None] ^ hashes[None, start:])
        first, second = np.nonzero(different <= MOST_DIFFERENT)
        first, second = first[second > first], second[second > first]
        rank = np.arange(len(first)) - np.searchsorted(first, first)
        chosen = rank < MOST_PARTNERS
        pairs += [(told[start + a], told[start + b]) for a, b in zip(first[chosen].tolist(), second[chosen].tolist())]
    return [(a, b) for a, b in pairs if correlation(looks[a], looks[b]) >= LEAST_CORRELATION]


def correlation(first: Look, second: Look) -> float:
    """Of two miniatures, -1 to 1: light and contrast do not matter."""
    one, two = (np.asarray(look.miniature, np.float32).ravel() for look in (first, second))
    one, two = one - one.mean(), two - two.mean()
    return float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-6))
