"""COCO's average precision of a matching, with a weight for each image: 1 for the AP itself, how often it was drawn for
a bootstrap.

An image of weight 2 counts as if it were there twice. Only the places of the right detections are looked at: the precision
is highest there, and COCO reads no other.

Source: pycocotools' ``accumulate``, with which the tests compare.

Legend: I images, R rounds (columns of weights), T thresholds, C classes, K detections of a class, H right ones of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from yolov3.analysis.matching import Matching

RECALLS = np.linspace(0, 1, 101)
"""At which COCO reads the precision."""

CELLS_AT_ONCE = 1_000_000
"""So many numbers a table of detections and rounds has at most: 4 MB, of which several are needed."""


def average_precisions(matching: Matching) -> np.ndarray:
    """(T, C) AP of each class at each threshold, NaN where the class has no truths."""
    return weighted_precisions(matching, np.ones((matching.overlaps.num_images, 1), np.int32))[0]


def weighted_precisions(matching: Matching, weights: np.ndarray) -> np.ndarray:
    """(R, T, C) AP with the images' weights (I, R), whole numbers; NaN where the class has no truths of any weight."""
    rounds, num_classes = weights.shape[1], matching.overlaps.num_classes
    result = np.full((rounds, len(matching.thresholds), num_classes), np.nan)
    kept = ~matching.truths.ignored
    truth_labels, truth_images = matching.truths.label[kept], matching.truths.image[kept]
    for label, part in enumerate(matching.overlaps.class_slices()):
        images = truth_images[truth_labels == label]
        if not len(images):
            continue
        for columns in _chunks(rounds, part.stop - part.start):
            chunk = np.ascontiguousarray(weights[:, columns], np.int32)
            truths = chunk[images].sum(axis=0)
            result[columns, :, label] = _class_precisions(matching, part, chunk, truths)
    return result


def interpolated_precision(hits: np.ndarray, counted: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """(R,) COCO's AP from the right detections' own numbers: ``hits`` (H, R) right ones up to each and ``counted`` (H, R)
    right and wrong ones, where there are so many ``truths`` (R,); NaN where there are none."""
    rounds, count = len(truths), len(hits)
    if not count:
        return np.where(truths > 0, 0.0, np.nan)
    precision = hits / (counted + np.spacing(1))
    np.maximum.accumulate(precision[::-1], axis=0, out=precision[::-1])
    needed = _needed_hits(truths)
    # The columns one behind the other, each lifted above those before it: one search for all.
    lift = (int(max(hits[-1].max(), needed.max())) + 1) * np.arange(rounds, dtype=np.int64)
    flat = (hits.T.astype(np.int64) + lift[:, None]).ravel()
    place = (
        np.searchsorted(flat, (needed + lift[:, None]).ravel()).reshape(rounds, -1) - count * np.arange(rounds)[:, None]
    )
    padded = np.vstack((precision, np.zeros((1, rounds))))
    read = padded[np.minimum(place, count), np.arange(rounds)[:, None]]
    return np.where(truths > 0, read.mean(axis=1), np.nan)


def _class_precisions(matching: Matching, part: slice, weights: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """(R, T) of the detections of one class."""
    own = weights[matching.found.image[part]]
    before = np.cumsum(own, axis=0, dtype=np.int32)
    result = np.empty((weights.shape[1], len(matching.thresholds)))
    for row in range(len(matching.thresholds)):
        right = np.flatnonzero(matching.right[row, part])
        ignored = np.flatnonzero(matching.ignored[row, part])
        counted = before[right]
        if len(ignored):
            skipped = np.cumsum(own[ignored], axis=0, dtype=np.int32)
            skipped = np.vstack((np.zeros_like(skipped[:1]), skipped))
            counted -= skipped[np.searchsorted(ignored, right)]
        hits = np.cumsum(own[right], axis=0, dtype=np.int32)
        result[:, row] = interpolated_precision(hits, counted, truths)
    return result


def _needed_hits(truths: np.ndarray) -> np.ndarray:
    """(R, 101) the fewest right detections of so many truths (R,) that reach each recall, as fractions of floats do."""
    truths = np.maximum(truths, 1)[:, None]
    needed = np.ceil(RECALLS * truths).astype(np.int64)
    needed -= (needed - 1) / truths >= RECALLS
    needed += needed / truths < RECALLS
    return needed


def _chunks(rounds: int, detections: int) -> Iterator[slice]:
    step = max(1, CELLS_AT_ONCE // max(1, detections))
    for start in range(0, rounds, step):
        yield slice(start, min(rounds, start + step))
