"""How good the model is at small and large, narrow and wide, lonely and crowded objects, and at each place of the image.

Each division puts every truth and every detection into one stratum by what they are themselves. Per stratum: the ``truths``
that are not ignored; how many are ``found`` at IoU 0.5 above the thresholds; the false ``alarms`` above them, by their own
size, shape and place; and AP50 over all scores, the mean of the classes that have truths in it. The matching is that of the
whole: a detection that found a truth belongs to the truth's stratum, a wrong one to its own.

Legend: I images, N boxes of all images.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolov3.analysis.confusion import Confusion
from yolov3.analysis.matching import Matching
from yolov3.analysis.overlaps import Overlaps
from yolov3.analysis.precision import interpolated_precision
from yolov3.geometry import Geometry
from yolov3.structures import Size

CELLS = (1, 2, 4, 8, 16)
"""Sides in cells of the finest level that divide sizes."""

SHAPES = (1 / 3, 2 / 3, 3 / 2, 3)
"""Width by height."""

CROWDED_IOU = 0.1
"""Truths that overlap by more, of whatever class, are in each other's way."""

PLACES = (
    "top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right",
)  # fmt: skip


@dataclass(frozen=True)
class Surroundings:
    """What boxes are seen in: ``sizes`` (height, width) of the I images in pixels; ``scales`` (I, 2) by which widths and
    heights grow when an image is fitted into the network's input; ``finest`` stride in pixels of the input."""

    sizes: tuple[Size, ...]
    scales: np.ndarray
    finest: int

    @staticmethod
    def of(geometries: Sequence[Geometry], strides: Sequence[int]) -> Surroundings:
        """Those of images that are fitted in these ways, for a network with levels of these strides."""
        scales = [(one.inner_size[1] / one.image_size[1], one.inner_size[0] / one.image_size[0]) for one in geometries]
        return Surroundings(tuple(one.image_size for one in geometries), np.array(scales).reshape(-1, 2), min(strides))


@dataclass(frozen=True)
class Stratum:
    """One of a division: how many ``truths``, ``found`` of them above the thresholds, false ``alarms`` above them, and AP50,
    None where there are no truths."""

    name: str
    truths: int
    found: int
    alarms: int
    ap50: float | None

    @property
    def recall(self) -> float | None:
        """The share of the truths that is found; None without any."""
        return self.found / self.truths if self.truths else None

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        counts = {name: value for name, value in asdict(self).items() if name != "ap50"}
        return {**counts, "recall": self.recall, "AP50": self.ap50}


@dataclass(frozen=True)
class Division:
    """All strata by one property (``name``), and in words what divides them (``explained``)."""

    name: str
    explained: str
    strata: tuple[Stratum, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "explained": self.explained, "strata": [one.as_plain() for one in self.strata]}


def divide(confusion: Confusion, surroundings: Surroundings) -> tuple[Division, ...]:
    """By size, shape, crowd and place; the thresholds are those of the confusion."""
    overlaps, finest = confusion.matching.overlaps, surroundings.finest
    truths, found = overlaps.truths, overlaps.found
    edges = [finest * cells for cells in CELLS]
    shapes = tuple(f"{value:.2g}" for value in SHAPES)
    return (
        _division(
            confusion,
            ("size", f"the side of a square of the same area, in pixels of the input; a cell has {finest}"),
            _range_names([f"{edge} px" for edge in edges]),
            *(np.digitize(_sides(one.box, one.image, surroundings), edges) for one in (truths, found)),
        ),
        _division(
            confusion,
            ("shape", "width by height in the image"),
            _range_names(shapes),
            *(np.digitize(_aspects(one.box), SHAPES) for one in (truths, found)),
        ),
        _division(
            confusion,
            ("crowd", f"how many other truths of any class overlap by an IoU above {CROWDED_IOU:g}; of a false alarm, how "
                      "many truths it overlaps so, less one"),
            ("none", "1", "2 and more"),
            np.minimum(truth_neighbours(overlaps), 2),
            np.clip(_overlapped(overlaps) - 1, 0, 2),
        ),
        _division(
            confusion,
            ("place", "where in the image the centre lies, in thirds"),
            PLACES,
            *(_places(one.box, one.image, surroundings) for one in (truths, found)),
        ),
    )  # fmt: skip


def truth_neighbours(overlaps: Overlaps) -> np.ndarray:
    """(N,) how many other truths of any class overlap each by more than ``CROWDED_IOU``."""
    truths = overlaps.truths
    bounds = np.searchsorted(truths.image, np.arange(overlaps.num_images + 1)).tolist()
    counts = np.zeros(len(truths), np.int64)
    areas = (truths.box[:, 2:] - truths.box[:, :2]).prod(axis=1)
    for start, end in itertools.pairwise(bounds):
        if end - start > 1:
            box, area = truths.box[start:end], areas[start:end]
            low = np.maximum(box[:, None, :2], box[None, :, :2])
            high = np.minimum(box[:, None, 2:], box[None, :, 2:])
            shared = np.clip(high - low, 0, None).prod(axis=2)
            crowded = shared > CROWDED_IOU * (area[:, None] + area[None, :] - shared)
            np.fill_diagonal(crowded, False)
            counts[start:end] = crowded.sum(axis=1)
    return counts


def _overlapped(overlaps: Overlaps) -> np.ndarray:
    kept = (overlaps.pair_iou > CROWDED_IOU) & ~overlaps.truths.ignored[overlaps.pair_truth]
    return np.bincount(overlaps.pair_found[kept], minlength=len(overlaps.found))


def _sides(box: np.ndarray, image: np.ndarray, surroundings: Surroundings) -> np.ndarray:
    sides = np.clip(box[:, 2:] - box[:, :2], 0, None) * surroundings.scales[image]
    return np.sqrt(sides.prod(axis=1))


def _aspects(box: np.ndarray) -> np.ndarray:
    width, height = np.maximum(box[:, 2:] - box[:, :2], 1e-9).T
    return width / height


def _places(box: np.ndarray, image: np.ndarray, surroundings: Surroundings) -> np.ndarray:
    size = np.array(surroundings.sizes, np.float64).reshape(-1, 2)[image]
    column = np.clip(np.floor(3 * (box[:, 0] + box[:, 2]) / 2 / size[:, 1]), 0, 2)
    row = np.clip(np.floor(3 * (box[:, 1] + box[:, 3]) / 2 / size[:, 0]), 0, 2)
    return (3 * row + column).astype(np.int64)


def _range_names(edges: Sequence[str]) -> tuple[str, ...]:
    between = (f"{low.removesuffix(' px')} to {high}" for low, high in itertools.pairwise(edges))
    return (f"below {edges[0]}", *between, f"{edges[-1]} and more")


def _division(
    confusion: Confusion, words: tuple[str, str], names: Sequence[str], of_truth: np.ndarray, of_found: np.ndarray
) -> Division:
    matching = confusion.matching
    counted_truths = ~matching.truths.ignored
    got = np.zeros(len(matching.truths), bool)
    right = matching.right[0]
    got[matching.truth_of[0][right & confusion.above]] = True
    stratum_of = of_found.copy()
    stratum_of[right] = of_truth[matching.truth_of[0][right]]
    alarms = matching.wrong[0] & confusion.above
    strata = []
    for number, name in enumerate(names):
        own = counted_truths & (of_truth == number)
        strata.append(
            Stratum(
                name,
                truths=int(own.sum()),
                found=int((own & got).sum()),
                alarms=int((alarms & (of_found == number)).sum()),
                ap50=_ap50(matching, stratum_of == number, own),
            )
        )
    return Division(*words, tuple(strata))


def _ap50(matching: Matching, found: np.ndarray, truths: np.ndarray) -> float | None:
    """Of these detections and truths only; those that are ignored do not count."""
    counts = np.bincount(matching.truths.label[truths], minlength=matching.overlaps.num_classes)
    counted, right = found & ~matching.ignored[0], matching.right[0]
    values = []
    for label, part in enumerate(matching.overlaps.class_slices()):
        if counts[label]:
            places = np.flatnonzero(right[part][counted[part]])[:, None]
            hits = np.arange(1, len(places) + 1)[:, None]
            values.append(interpolated_precision(hits, places + 1, counts[label : label + 1])[0])
    return float(np.mean(values)) if values else None
