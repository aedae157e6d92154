"""From the objects a reader found to samples: the rules for boxes that hold whatever the format.

A box without area in its file's own numbers is dropped and counted; so is one that lies wholly outside its image.
One that lies partly outside is clipped to the image, and counted if an edge moved by more than CLIP_TOLERANCE:
less is the rounding of normalised coordinates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset, DatasetReport, count_samples
from yolov3.errors import UserError
from yolov3.files.class_names import class_names
from yolov3.structures import Sample
from yolov3.watching.printable import quoted
from yolov3.watching.words import some

CLIP_TOLERANCE = 0.5  # pixels


@dataclass(frozen=True)
class Images:
    """The images of a split: ``paths``, ``sizes`` (P, 2) upright (height, width), ``image_ids``."""

    paths: Sequence[Path]
    sizes: np.ndarray
    image_ids: Sequence[int | str]


@dataclass(frozen=True)
class Objects:
    """All objects of a split, as their files say: ``image_index`` (M,) int64 into the images, ``boxes`` (M, 4)
    float64 xyxy pixels, ``labels`` (M,) int64, ``ignore`` (M,) bool, ``areas`` (M,) float64, NaN for the box's own."""

    image_index: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    areas: np.ndarray


@dataclass(frozen=True)
class Classes:
    """Names and the format's own numbers, in the order of the labels."""

    names: tuple[str, ...]
    category_ids: tuple[int, ...]


def assemble(images: Images, objects: Objects, classes: Classes, *, source: str, problems: Sequence[str]) -> Dataset:
    """The data set of these images and objects, with the rules above applied. Raises UserError for classes that cannot be
    told from each other, or whose names cannot be shown."""
    check_class_names(classes.names, source=source)
    boxes, keep, counts = _tidy_boxes(objects.boxes, images.sizes[objects.image_index])
    # One stable sort, then every sample takes a slice: no small arrays are made for the thousands of images.
    order = np.flatnonzero(keep)
    order = order[np.argsort(objects.image_index[order], kind="stable")]
    boxes, labels, ignore = boxes[order], objects.labels[order], objects.ignore[order]
    own_areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    areas = np.where(np.isnan(objects.areas[order]), own_areas, objects.areas[order]).astype(np.float32)
    ends = np.cumsum(np.bincount(objects.image_index[order], minlength=len(images.paths))).tolist()
    starts = [0, *ends[:-1]]
    samples = tuple(
        Sample(path, (height, width), boxes[a:b], labels[a:b], ignore[a:b], areas[a:b], image_id)
        for path, (height, width), image_id, a, b in zip(
            images.paths, images.sizes.tolist(), images.image_ids, starts, ends
        )
    )
    report = DatasetReport(**count_samples(samples), **counts, problems=tuple(problems))
    return Dataset(samples, classes.names, classes.category_ids, report, source)


def _tidy_boxes(boxes: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Boxes (M, 4) clipped to sizes (M, 2), float32; which to keep (M,); the counts of the rest."""
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    limits = sizes[:, (1, 0, 1, 0)].astype(np.float64)
    clipped = np.clip(boxes, 0, limits)
    moved = np.abs(clipped - boxes).max(axis=1, initial=0)
    # Asked in float32, in which the boxes live on: a sliver may have no width left there.
    clipped = clipped.astype(np.float32)
    remains = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
    outside = has_area & ~remains & (moved > 0)
    keep = has_area & remains
    counts = {
        "dropped_zero_area": int((~keep & ~outside).sum()),
        "dropped_outside": int(outside.sum()),
        "clipped": int((keep & (moved > CLIP_TOLERANCE)).sum()),
    }
    return clipped, keep, counts


def path_ids(paths: Sequence[Path], root: Path) -> list[str]:
    """A name for each image: its stem, or where two of them share a stem, for all the path below ``root``."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    return [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix() for path in paths]


def given_names(data: DataSection) -> tuple[str, ...] | None:
    """The class names that the settings give, in the order of the labels. Raises UserError for gaps and doubles."""
    names = data.names
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise UserError(f"data.names: class numbers must be 0 to {len(names) - 1}, found {some(sorted(names))}")
        names = tuple(names[number] for number in range(len(names)))
    if names is not None:
        check_class_names(names, source="data.names")
    return names


def as_list(given: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (given,) if isinstance(given, str) else tuple(given)


def describe_places(given: Sequence[str]) -> str:
    """Where a split lies, in words."""
    return ", ".join("all images" if text == "." else text for text in given)


def check_class_names(names: Sequence[object], *, source: str) -> None:
    """Raise UserError for class names that a data set cannot have."""
    require_distinct(class_names(tuple(names), source), what="class name", source=source)


def require_distinct(names: Sequence[object], *, what: str, source: str) -> None:
    """Raise UserError naming the places (from 0) of the first name that stands twice."""
    if len(set(names)) == len(names):
        return
    twice = next(name for name, count in Counter(names).items() if count > 1)
    places = [place for place, name in enumerate(names) if name == twice]
    raise UserError(f"{source}: {what} {quoted(twice)} stands {len(places)} times, at positions {some(places)}")
