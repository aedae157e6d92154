"""COCO's tables of precision and recall, a class and some thousand boxes at a time.

No class and no image knows of another until the tables are read, so pycocotools gets them one after the other, and what it
needs for a box, two kilobytes of dictionaries and of 64-bit numbers, is needed for few at once. The tables are the same to
the last bit. Where ``hotcoco`` is installed (extra ``analysis``), it fills them, thirty times as fast, and the same to the
last bit too; pycocotools reads them in any case.

Legend: N truths or detections, C classes, T thresholds of IoU (10), R recalls (101), A ranges of areas (4: all, small,
medium, large), M numbers of detections (3: 1, 10, 100).
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.machine.extras import has_extra

Library = Literal["pycocotools", "hotcoco"]

BOXES_AT_ONCE = 20_000
"""Detections that pycocotools gets at once, if they are not of one image: 40 MB."""


@dataclass(frozen=True)
class Truths:
    """``image`` (N,) the images' ids and ``label`` (N,), ``boxes`` (N, 4) left, top, width, height in pixels, ``areas``
    (N,), ``crowd`` (N,) bool: boxes that are neither to be found nor wrong to be found."""

    image: np.ndarray
    label: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    def __getitem__(self, rows: Any) -> Truths:
        """Some of them, in the order of the indices."""
        return Truths(self.image[rows], self.label[rows], self.boxes[rows], self.areas[rows], self.crowd[rows])


@dataclass(frozen=True)
class Found:
    """``image`` (N,) the images' ids and ``label`` (N,), ``boxes`` (N, 4) left, top, width, height in pixels, ``scores``
    (N,)."""

    image: np.ndarray
    label: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __getitem__(self, rows: Any) -> Found:
        """Some of them, in the order of the indices."""
        return Found(self.image[rows], self.label[rows], self.boxes[rows], self.scores[rows])


@dataclass(frozen=True)
class CocoTables:
    """``precision`` (T, R, C, A, M) and ``recall`` (T, C, A, M), -1 where there are no truths."""

    precision: np.ndarray
    recall: np.ndarray

    def stats(self) -> np.ndarray:
        """(12,) what pycocotools sums up, -1 where it is not defined."""
        reader = COCOeval(iouType="bbox")
        reader.eval = {"precision": self.precision, "recall": self.recall}
        with contextlib.redirect_stdout(io.StringIO()):
            reader.summarize()
        return np.asarray(reader.stats)


def metric_library() -> Library:
    """The library that fills the tables here: the fastest that is installed."""
    return "hotcoco" if has_extra("hotcoco") else "pycocotools"


def metric_library_version() -> str:
    """The library and its version in words."""
    name = metric_library()
    return f"{name} {version(name)}"


def coco_tables(truths: Truths, found: Found, num_classes: int, library: Library | None = None) -> CocoTables:
    """The tables of all classes. Of one image the detections of equal score stay in the order in which they are given."""
    library = library or metric_library()
    params = COCOeval(iouType="bbox").params
    counts = (len(params.iouThrs), len(params.recThrs), num_classes, len(params.areaRng), len(params.maxDets))
    precision, recall = -np.ones(counts), -np.ones((counts[0], *counts[2:]))
    for label in range(num_classes):
        own_truths, own_found = _of_class(truths, found, label)
        if not len(own_truths.image):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            filled = (_by_hotcoco if library == "hotcoco" else _by_pycocotools)(own_truths, own_found)
        precision[:, :, label], recall[:, label] = filled["precision"][:, :, 0], filled["recall"][:, 0]
    return CocoTables(precision, recall)


def _of_class(truths: Truths, found: Found, label: int) -> tuple[Truths, Found]:
    """In the order of the images' ids, by which pycocotools breaks ties of scores."""
    rows, columns = np.flatnonzero(truths.label == label), np.flatnonzero(found.label == label)
    rows = rows[np.argsort(truths.image[rows], kind="stable")]
    columns = columns[np.argsort(found.image[columns], kind="stable")]
    return truths[rows], found[columns]


def _by_hotcoco(truths: Truths, found: Found) -> dict[str, np.ndarray]:
    hotcoco = importlib.import_module("hotcoco")
    truth = _indexed(hotcoco.COCO(), _truth_annotations(truths), truths, found)
    # As an array, of which no detection needs a dictionary; its last column is the class.
    rows = np.column_stack((found.image, found.boxes, found.scores, np.ones(len(found.image))))
    evaluation = hotcoco.COCOeval(truth, truth.load_res(rows), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    return {name: np.asarray(evaluation.eval[name]) for name in ("precision", "recall")}


def _by_pycocotools(truths: Truths, found: Found) -> dict[str, np.ndarray]:
    whole = COCOeval(iouType="bbox")
    by_area: list[list[dict[str, Any] | None]] = [[] for _ in whole.params.areaRng]
    images: list[int] = []
    for own_truths, own_found in _parts(truths, found):
        part = COCOeval(
            _indexed(COCO(), _truth_annotations(own_truths), own_truths, own_found),
            _indexed(COCO(), _found_annotations(own_found), own_truths, own_found),
            iouType="bbox",
        )
        part.evaluate()
        count = len(part.params.imgIds)
        images += part.params.imgIds
        for number, matched in enumerate(part.evalImgs):  # of one class: the images for each range of areas
            by_area[number // count].append(_reduced(matched))
    whole.params.imgIds, whole.params.catIds = images, [1]
    whole._paramsEval = copy.deepcopy(whole.params)
    whole.evalImgs = [matched for of_range in by_area for matched in of_range]
    whole.accumulate()
    return {name: whole.eval[name] for name in ("precision", "recall")}


def _parts(truths: Truths, found: Found) -> Iterator[tuple[Truths, Found]]:
    """Of one class, in the order of the images' ids: all that is in some images, then in the next ones."""
    images = np.union1d(truths.image, found.image)
    last_found = np.searchsorted(found.image, images, side="right")
    last_truth = np.searchsorted(truths.image, images, side="right")
    start, done_found, done_truths = 0, 0, 0
    while start < len(images):
        end = int(np.searchsorted(last_found, done_found + BOXES_AT_ONCE, side="right"))
        end = min(max(end, start + 1), len(images), start + BOXES_AT_ONCE)
        yield truths[done_truths : last_truth[end - 1]], found[done_found : last_found[end - 1]]
        start, done_found, done_truths = end, int(last_found[end - 1]), int(last_truth[end - 1])


def _reduced(matched: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is needed to accumulate, and no wider than needed: whether a detection was matched, not with what."""
    if matched is None:
        return None
    return {
        "dtScores": np.asarray(matched["dtScores"]),
        "dtMatches": matched["dtMatches"] > 0,
        "dtIgnore": matched["dtIgnore"],
        "gtIgnore": np.asarray(matched["gtIgnore"], np.uint8),
    }


def _truth_annotations(truths: Truths) -> list[dict[str, Any]]:
    # Ids from 1: pycocotools takes an annotation with id 0 for unmatched.
    columns = (truths.image.tolist(), truths.boxes.tolist(), truths.areas.tolist(), truths.crowd.tolist())
    return [
        {"id": number, "image_id": image, "category_id": 1, "bbox": box, "area": area, "iscrowd": int(crowd)}
        for number, (image, box, area, crowd) in enumerate(zip(*columns, strict=True), start=1)
    ]


def _found_annotations(found: Found) -> list[dict[str, Any]]:
    columns = (found.image.tolist(), found.boxes.tolist(), found.scores.tolist())
    return [
        {
            "id": number, "image_id": image, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0,
            "score": score,
        }
        for number, (image, box, score) in enumerate(zip(*columns, strict=True), start=1)
    ]  # fmt: skip


def _indexed(coco: Any, annotations: list[dict[str, Any]], truths: Truths, found: Found) -> Any:
    # Both sides are built here, not by loadRes: that one fails on an empty list and drops unknown categories silently.
    images = np.union1d(truths.image, found.image).tolist()
    coco.dataset = {
        "images": [{"id": number} for number in images],
        "categories": [{"id": 1, "name": "class"}],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco
