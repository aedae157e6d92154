"""What was found and what is true of a whole data set in flat arrays, and which of both overlap.

The numbers are those that COCO's metric sees (yolov3/evaluation/coco.py): rounded in the same way, the best 100 of each
class and image, ties in the order of the images' ids, the overlaps those of pycocotools. So all that is made of them
agrees with the metric.

Legend: I images, M detections, N truths, P pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pycocotools import mask

from yolov3.boxes import xywh_to_xyxy, xyxy_to_xywh
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.coco import BOX_DECIMALS, MAX_DETECTIONS, metric_boxes
from yolov3.evaluation.flat_detections import FlatDetections, flatten_detections

SMALLEST_IOU = 0.1
"""Pairs that overlap less are not kept: TIDE's limit between an object and the background."""


@dataclass(frozen=True)
class Truths:
    """True objects in the order of the samples: ``image`` (N,), the place ``index`` (N,) in the sample, ``label`` (N,),
    ``box`` (N, 4) xyxy pixels, ``ignored`` (N,) bool."""

    image: np.ndarray
    index: np.ndarray
    label: np.ndarray
    box: np.ndarray
    ignored: np.ndarray

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Found:
    """Detections, class after class and in each the best first: ``image`` (M,), the place ``index`` (M,) among those of
    the image, ``label`` (M,), ``score`` (M,), ``box`` (M, 4) xyxy pixels."""

    image: np.ndarray
    index: np.ndarray
    label: np.ndarray
    score: np.ndarray
    box: np.ndarray

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Overlaps:
    """All detections and truths of ``num_images`` images, and the pairs of both in one image that overlap by
    ``SMALLEST_IOU`` or more, whatever their classes: numbers of the detection (P,) and of the truth (P,), and the IoU (P,);
    of an ignored truth the share of the detection that lies in it, as in COCO.

    ``left_out`` detections are not among them: no boxes, or not among the best 100 of their class and image.
    """

    names: tuple[str, ...]
    num_images: int
    truths: Truths
    found: Found
    pair_found: np.ndarray
    pair_truth: np.ndarray
    pair_iou: np.ndarray
    left_out: int

    @property
    def num_classes(self) -> int:
        """How many classes the data set has."""
        return len(self.names)

    def class_slices(self) -> list[slice]:
        """Where the detections of each class lie."""
        bounds = np.searchsorted(self.found.label, np.arange(self.num_classes + 1)).tolist()
        return [slice(start, end) for start, end in itertools.pairwise(bounds)]


def overlaps_of(dataset: Dataset, detections: Sequence[Detections]) -> Overlaps:
    """The overlaps of the detections of each sample, in the samples' order, boxes in pixels of the images.

    Raises ValueError when the numbers of samples and detections differ, a label is none of the data set's, or a truth is
    not finite.
    """
    truths = _truths_of(dataset)
    found = _found_of(dataset, detections)
    pair_found, pair_truth, pair_iou = _pairs(found, truths, len(dataset.samples))
    given = sum(len(one) for one in detections)
    return Overlaps(
        dataset.names, len(dataset.samples), truths, found, pair_found, pair_truth, pair_iou, given - len(found)
    )


def _truths_of(dataset: Dataset) -> Truths:
    samples = dataset.samples
    for sample in samples:
        if not np.isfinite(sample.boxes).all():
            raise ValueError(f"{sample.path}: a true box is not finite")
    counts = np.array([len(sample.boxes) for sample in samples], np.int64)
    return Truths(
        image=np.repeat(np.arange(len(samples)), counts),
        index=_places(counts),
        label=np.concatenate([np.zeros(0, np.int64), *(sample.labels for sample in samples)]),
        box=np.concatenate([np.zeros((0, 4)), *(sample.boxes.astype(np.float64) for sample in samples)]),
        ignored=np.concatenate([np.zeros(0, bool), *(sample.ignore for sample in samples)]),
    )


def _found_of(dataset: Dataset, detections: Sequence[Detections]) -> Found:
    flat = flatten_detections(dataset, detections)
    index = _given_places(dataset, detections, flat)
    boxes, scores = metric_boxes(flat)
    order = np.lexsort((index, _image_ranks(dataset)[flat.image_index], -scores, flat.labels))
    groups = (flat.labels * max(1, len(dataset.samples)) + flat.image_index)[order]
    kept = order[_places_within(groups) < MAX_DETECTIONS]
    return Found(flat.image_index[kept], index[kept], flat.labels[kept], scores[kept], xywh_to_xyxy(boxes[kept]))


def _given_places(dataset: Dataset, detections: Sequence[Detections], flat: FlatDetections) -> np.ndarray:
    """The place of each usable detection among all that were given of its image."""
    if not flat.dropped:
        return _places(np.bincount(flat.image_index, minlength=len(dataset.samples)))
    # Who decides what is no box also says which are left: the scores, where they are numbers, carry the places.
    numbered = [
        Detections(one.boxes, torch.arange(len(one), device=one.scores.device) + 0 * one.scores, one.labels)
        for one in detections
    ]
    return flatten_detections(dataset, numbered).scores.astype(np.int64)


def _image_ranks(dataset: Dataset) -> np.ndarray:
    """The place of each image in the order of the ids, by which pycocotools breaks ties of scores."""
    ids = [sample.image_id for sample in dataset.samples]
    if all(isinstance(one, int) for one in ids) and len(set(ids)) == len(ids):
        return np.argsort(np.argsort(np.array(ids, np.int64)))
    return np.arange(len(ids))


def _places(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... for each of the counts, one after the other."""
    starts = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(starts, counts)


def _places_within(groups: np.ndarray) -> np.ndarray:
    """How many of the same group stand before each."""
    order = np.argsort(groups, kind="stable")
    _, counts = np.unique(groups, return_counts=True)
    places = np.empty(len(groups), np.int64)
    places[order] = _places(counts)
    return places


def _pairs(found: Found, truths: Truths, num_images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(found.image, kind="stable")
    found_bounds = np.searchsorted(found.image[order], np.arange(num_images + 1)).tolist()
    truth_bounds = np.searchsorted(truths.image, np.arange(num_images + 1)).tolist()
    found_boxes, truth_boxes = _xywh(found.box)[order], xyxy_to_xywh(truths.box)
    crowds = truths.ignored.astype(np.uint8)
    rows, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for image in range(num_images):
        first, last = found_bounds[image], found_bounds[image + 1]
        start, end = truth_bounds[image], truth_bounds[image + 1]
        if first < last and start < end:
            iou = mask.iou(found_boxes[first:last], truth_boxes[start:end], crowds[start:end])
            row, column = np.nonzero(iou >= SMALLEST_IOU)
            rows.append(order[first + row])
            columns.append(start + column)
            values.append(iou[row, column])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _xywh(boxes: np.ndarray) -> np.ndarray:
    # There and back loses a last bit; rounding gives again what the metric sees.
    return np.round(xyxy_to_xywh(boxes), BOX_DECIMALS)
