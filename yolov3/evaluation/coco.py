"""COCO's average precision and recall, by pycocotools behind an adapter that closes its traps
(yolov3/evaluation/coco_tables.py).

The truths may come from any format: they are handed over with fresh ids, ignored objects as crowds, areas as the samples
have them. No detections at all give AP 0. What is not defined, for want of truths, is None where pycocotools says -1.

pycocotools takes the best 100 detections of each class in each image (``maxDets``), here as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np

from yolov3.boxes import xyxy_to_xywh
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.coco_tables import Found, Library, Truths, coco_tables
from yolov3.evaluation.flat_detections import FlatDetections, flatten_detections

COCO_NUMBERS = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large",
)  # fmt: skip
"""In the order of pycocotools' ``stats``."""

MAX_DETECTIONS = 100
"""Per class and image: pycocotools' largest ``maxDets``."""

BOX_DECIMALS, SCORE_DECIMALS = 5, 8
"""What of a float32 means something. The metric sees the very numbers that ``predictions.json`` holds."""


@dataclass(frozen=True)
class CocoNumbers:
    """COCO's twelve numbers, in [0, 1], None where there are no truths: average precision over IoU 0.50 to 0.95, at 0.50
    and 0.75, of small, medium and large objects; average recall with 1, 10 and 100 detections per image, and by size."""

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar_1: float | None
    ar_10: float | None
    ar_100: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None

    def as_plain(self) -> dict[str, float | None]:
        """By the names that COCO's readers know."""
        return dict(zip(COCO_NUMBERS, astuple(self), strict=True))


@dataclass(frozen=True)
class CocoClass:
    """The scores of a class, None where it has no truths, and its counts: ``truths``, of them not ``ignored`` ones, and
    ``detections``. ``category_id`` is the data set's own number of the class."""

    name: str
    category_id: int
    truths: int
    ignored: int
    detections: int
    ap: float | None
    ap50: float | None

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as ``metrics.json`` holds them."""
        counts = {name: value for name, value in asdict(self).items() if name not in ("ap", "ap50")}
        return {**counts, "AP": self.ap, "AP50": self.ap50}


@dataclass(frozen=True)
class CocoResult:
    """All numbers. ``dropped`` detections had numbers that were not finite."""

    numbers: CocoNumbers
    per_class: tuple[CocoClass, ...]
    dropped: int


def coco_metric(dataset: Dataset, detections: Sequence[Detections], library: Library | None = None) -> CocoResult:
    """COCO's numbers of the detections of each sample, in the samples' order, boxes in pixels of the images, by the
    fastest library that is installed or by that which is named.

    Raises ValueError when the numbers of samples and detections differ, a label is none of the data set's, or a truth
    is not finite.
    """
    flat = flatten_detections(dataset, detections)
    image_ids = np.array(_integer_ids(dataset), np.int64)
    tables = coco_tables(_truths(dataset, image_ids), _found(flat, image_ids), len(dataset.names), library)
    numbers = CocoNumbers(*map(_defined, tables.stats()))
    precision = tables.precision[:, :, :, 0, -1]  # thresholds, recalls, classes; all areas, most detections
    return CocoResult(numbers, tuple(_class_rows(dataset, flat, precision)), flat.dropped)


def coco_results(dataset: Dataset, detections: Sequence[Detections]) -> Iterator[dict[str, Any]]:
    """The detections as the entries of a COCO results list, one after the other: ``image_id`` and ``category_id`` are those
    of the data set's own files, ``bbox`` is left, top, width, height in pixels."""
    flat = flatten_detections(dataset, detections)
    boxes, scores = metric_boxes(flat)
    image_ids = [sample.image_id for sample in dataset.samples]
    for image, label, box, score in zip(flat.image_index, flat.labels, boxes, scores):
        yield {
            "image_id": image_ids[image],
            "category_id": dataset.category_ids[label],
            "bbox": box.tolist(),
            "score": float(score),
        }


def _integer_ids(dataset: Dataset) -> list[int]:
    # The file's own ids where they are numbers: pycocotools breaks ties of scores by the order of the ids.
    ids = [sample.image_id for sample in dataset.samples]
    numbers = [number for number in ids if isinstance(number, int)]
    if len(set(numbers)) == len(ids):
        return numbers
    return list(range(1, len(ids) + 1))


def _truths(dataset: Dataset, image_ids: np.ndarray) -> Truths:
    samples = dataset.samples
    for sample in samples:
        if not (np.isfinite(sample.boxes).all() and np.isfinite(sample.areas).all()):
            raise ValueError(f"{sample.path}: a true box or its area is not a finite number")
    boxes = np.concatenate([np.zeros((0, 4)), *(sample.boxes.astype(np.float64) for sample in samples)])
    return Truths(
        image=np.repeat(image_ids, [len(sample.boxes) for sample in samples]),
        label=np.concatenate([np.zeros(0, np.int64), *(sample.labels for sample in samples)]),
        boxes=xyxy_to_xywh(boxes),
        areas=np.concatenate([np.zeros(0), *(sample.areas.astype(np.float64) for sample in samples)]),
        crowd=np.concatenate([np.zeros(0, bool), *(sample.ignore for sample in samples)]),
    )


def _found(flat: FlatDetections, image_ids: np.ndarray) -> Found:
    boxes, scores = metric_boxes(flat)
    return Found(image_ids[flat.image_index], flat.labels, boxes, scores)


def metric_boxes(flat: FlatDetections) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (M, 4) left, top, width, height and scores (M,) as the metric sees them."""
    boxes = xyxy_to_xywh(flat.boxes)
    return np.round(boxes, BOX_DECIMALS, out=boxes), np.round(flat.scores, SCORE_DECIMALS)


def _class_rows(dataset: Dataset, flat: FlatDetections, precision: np.ndarray) -> list[CocoClass]:
    num_classes = len(dataset.names)
    truths, ignored = np.zeros(num_classes, np.int64), np.zeros(num_classes, np.int64)
    for sample in dataset.samples:
        truths += np.bincount(sample.labels[~sample.ignore], minlength=num_classes)
        ignored += np.bincount(sample.labels[sample.ignore], minlength=num_classes)
    found = np.bincount(flat.labels, minlength=num_classes)
    return [
        CocoClass(
            name,
            dataset.category_ids[label],
            truths=int(truths[label]),
            ignored=int(ignored[label]),
            detections=int(found[label]),
            ap=_defined(precision[:, :, label].mean()),
            ap50=_defined(precision[0, :, label].mean()),
        )
        for label, name in enumerate(dataset.names)
    ]


def _defined(value: float) -> float | None:
    return None if value < 0 else float(value)
