"""A data set as the rest of the house sees it: samples, class names, and an account of what was made of the files."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from yolov3.errors import UserError
from yolov3.images.files import read_image
from yolov3.structures import Sample
from yolov3.watching.words import counted

PROBE = 4096
"""Bytes of two files of one size that are compared before all of both are read: of raw formats all have one size."""


@dataclass(frozen=True)
class DatasetReport:
    """What was found and what was done about it. ``boxes`` are those kept, ``ignored`` of them COCO crowds or VOC's
    difficult objects; ``backgrounds`` are images without any box. Dropped: boxes without area, boxes that lie wholly
    outside their image. ``clipped``: boxes cut at the image's edge by more than half a pixel. ``problems`` are
    sentences for the user."""

    images: int = 0
    boxes: int = 0
    backgrounds: int = 0
    ignored: int = 0
    dropped_zero_area: int = 0
    dropped_outside: int = 0
    clipped: int = 0
    problems: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line with the counts that are not zero, and a line for each problem."""
        counts = [counted(self.images, "image"), counted(self.boxes, "box")]
        if self.backgrounds:
            counts.append(counted(self.backgrounds, "background"))
        for name in ("ignored", "dropped_zero_area", "dropped_outside", "clipped"):
            if getattr(self, name):
                counts.append(f"{getattr(self, name)} {name.replace('_', ' ')}")
        return "\n".join((", ".join(counts), *self.problems))


@dataclass(frozen=True)
class Dataset:
    """The samples of one split, in the order of its files.

    ``names[label]`` is a class's name and ``category_ids[label]`` its number in the data set's own format: COCO's
    category id; VOC, which has none, counts from 1; YOLO from 0. ``source`` says what was read.
    """

    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    report: DatasetReport
    source: str

    def __post_init__(self) -> None:
        if len(self.names) != len(self.category_ids):
            raise ValueError(f"{self.source}: {len(self.names)} names but {len(self.category_ids)} category ids")

    def __len__(self) -> int:
        return len(self.samples)

    def first(self, count: int) -> Dataset:
        """The first ``count`` samples only. What was dropped and clipped stays counted for the whole."""
        used = range(min(count, len(self.samples)))
        return self.part(used, note=f"only the first {len(used)} of {len(self.samples)} images are used")

    def part(self, places: Sequence[int], *, note: str | None = None) -> Dataset:
        """The samples at these places only; ``note`` says why. What was dropped and clipped stays counted for the whole."""
        samples = tuple(self.samples[place] for place in places)
        notes = (note,) if note else ()
        report = replace(self.report, **count_samples(samples), problems=(*self.report.problems, *notes))
        return replace(self, samples=samples, report=report)


def count_samples(samples: Iterable[Sample]) -> dict[str, int]:
    """The counts of a report that can be seen from the samples."""
    counts = {"images": 0, "boxes": 0, "backgrounds": 0, "ignored": 0}
    for sample in samples:
        counts["images"] += 1
        counts["boxes"] += len(sample.boxes)
        counts["backgrounds"] += len(sample.boxes) == 0
        counts["ignored"] += int(np.count_nonzero(sample.ignore))
    return counts


def read_sample_image(sample: Sample) -> np.ndarray:
    """The sample's upright image (H, W, 3) uint8 RGB.

    COCO's sizes are believed when a json is opened, so they are held against the image here: boxes of another size
    would lie in the wrong places. Of a part of an image only that. Raises UserError naming the file.
    """
    image = read_image(sample.path)
    if sample.region is not None:
        left, top, right, bottom = sample.region
        if right > image.shape[1] or bottom > image.shape[0]:
            found = f"{image.shape[1]}x{image.shape[0]}"
            raise UserError(f"{sample.path}: the upright image is {found} (width x height), its annotation says more")
        return np.ascontiguousarray(image[top:bottom, left:right])
    if image.shape[:2] != sample.size:
        found, given = ("{1}x{0}".format(*size) for size in (image.shape[:2], sample.size))
        raise UserError(f"{sample.path}: the upright image is {found} (width x height), its annotation says {given}")
    return image


def shared_images(first: Dataset, second: Dataset) -> tuple[tuple[Path, Path], ...]:
    """The images of ``second`` that ``first`` has too, each with the one there: the same file, or another one of the same
    content, whatever its name. A training image in the validation split makes its result worthless."""
    paths = {sample.path for sample in first.samples}
    by_size: dict[int | None, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(sample.path for sample in first.samples):
        by_size[_file_size(path)].append(path)
    content = cache(_content)
    pairs = []
    for sample in second.samples:
        size = _file_size(sample.path)
        alike = by_size.get(size, ()) if size is not None else ()
        twin: Path | None = sample.path if sample.path in paths else None
        for path in alike if twin is None else ():
            if content(path, PROBE) == content(sample.path, PROBE) and content(path) == content(sample.path):
                twin = path
                break
        if twin is not None:
            pairs.append((sample.path, twin))
    return tuple(pairs)


def _file_size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _content(path: Path, part: int | None = None) -> bytes | Path:
    """A digest of a file, or of ``part`` bytes in its middle; of one that cannot be read the path, which no other has."""
    try:
        with path.open("rb") as file:
            if part is None:
                return hashlib.file_digest(file, "sha256").digest()
            file.seek(max(0, os.fstat(file.fileno()).st_size - part) // 2)
            return hashlib.sha256(file.read(part)).digest()
    except OSError:
        return path
