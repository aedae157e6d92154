"""COCO's average precision and recall, by pycocotools behind an adapter that closes its traps.

The truths may come from any format: they are handed over with fresh ids from 1 (pycocotools takes an annotation with
id 0 for unmatched and mixes up doubled ones), ignored objects as crowds, areas as the samples have them. No detections
at all give AP 0. What is not defined, for want of truths, is None where pycocotools says -1.

pycocotools takes the best 100 detections of each class in each image (``maxDets``), here as everywhere.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.boxes import xyxy_to_xywh
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
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


def coco_metric(dataset: Dataset, detections: Sequence[Detections]) -> CocoResult:
    """COCO's numbers of the detections of each sample, in the samples' order, boxes in pixels of the images.

    Raises ValueError when the numbers of samples and detections differ, a label is none of the data set's, or a truth
    is not finite.
    """
    flat = flatten_detections(dataset, detections)
    image_ids = _integer_ids(dataset)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _index(dataset, image_ids, _truth_annotations(dataset, image_ids))
        found = _index(dataset, image_ids, _found_annotations(flat, image_ids))
        evaluation = COCOeval(truth, found, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers = CocoNumbers(*map(_defined, evaluation.stats))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # thresholds, recalls, classes; all areas, most detections
    return CocoResult(numbers, tuple(_class_rows(dataset, flat, precision)), flat.dropped)


def coco_results(dataset: Dataset, detections: Sequence[Detections]) -> list[dict[str, Any]]:
    """The detections as a COCO results list: ``image_id`` and ``category_id`` are those of the data set's own files,
    ``bbox`` is left, top, width, height in pixels."""
    flat = flatten_detections(dataset, detections)
    boxes, scores = _rounded(flat)
    image_ids = [sample.image_id for sample in dataset.samples]
    return [
        {
            "image_id": image_ids[image],
            "category_id": dataset.category_ids[label],
            "bbox": box,
            "score": score,
        }
        for image, label, box, score in zip(flat.image_index.tolist(), flat.labels.tolist(), boxes, scores)
    ]


def _integer_ids(dataset: Dataset) -> list[int]:
    # The file's own ids where they are numbers: pycocotools breaks ties of scores by the order of the ids.
    ids = [sample.image_id for sample in dataset.samples]
    numbers = [number for number in ids if isinstance(number, int)]
    if len(set(numbers)) == len(ids):
        return numbers
    return list(range(1, len(ids) + 1))


def _truth_annotations(dataset: Dataset, image_ids: list[int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image_id, sample in zip(image_ids, dataset.samples):
        boxes, areas = sample.boxes.astype(np.float64), sample.areas.astype(np.float64)
        if not (np.isfinite(boxes).all() and np.isfinite(areas).all()):
            raise ValueError(f"{sample.path}: a true box or its area is not a finite number")
        xywh = xyxy_to_xywh(boxes).tolist()
        for box, label, ignore, area in zip(
            xywh, sample.labels.tolist(), sample.ignore.tolist(), areas.tolist(), strict=True
        ):
            rows.append(_annotation(len(rows) + 1, image_id, label, box, area=area, iscrowd=int(ignore)))
    return rows


def _found_annotations(flat: FlatDetections, image_ids: list[int]) -> list[dict[str, Any]]:
    boxes, scores = _rounded(flat)
    return [
        {
            **_annotation(number, image_ids[image], label, box, area=box[2] * box[3], iscrowd=0),
            "score": score,
        }
        for number, (image, label, box, score) in enumerate(
            zip(flat.image_index.tolist(), flat.labels.tolist(), boxes, scores), start=1
        )
    ]


def _annotation(
    number: int, image_id: int, label: int, box: list[float], *, area: float, iscrowd: int
) -> dict[str, Any]:
    return {
        "id": number, "image_id": image_id, "category_id": label + 1, "bbox": box, "area": area, "iscrowd": iscrowd,
    }  # fmt: skip


def _rounded(flat: FlatDetections) -> tuple[list[list[float]], list[float]]:
    """Boxes xywh and scores as plain numbers."""
    return np.round(xyxy_to_xywh(flat.boxes), BOX_DECIMALS).tolist(), np.round(flat.scores, SCORE_DECIMALS).tolist()


def _index(dataset: Dataset, image_ids: list[int], annotations: list[dict[str, Any]]) -> COCO:
    # Both sides are built here, not by loadRes: that one fails on an empty list and drops unknown categories silently.
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in image_ids],
        "categories": [{"id": label + 1, "name": name} for label, name in enumerate(dataset.names)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


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
