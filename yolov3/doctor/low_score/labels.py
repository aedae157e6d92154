"""Supposed mistakes in the data's boxes: their numbers mean something else, or are measured on another scale.

Boxes (N, 4) are those of the data as they were read, xyxy pixels of the image. The loader drops boxes without area, so of
some mistakes only a part of the boxes is left to tell of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from yolov3.boxes import box_sides, cxcywh_to_xyxy, xywh_to_xyxy, xyxy_to_cxcywh, xyxy_to_xywh
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.doctor.low_score.hypothesis import Guess, Score
from yolov3.doctor.low_score.trial import Pair, Trial, partners
from yolov3.geometry import Geometry
from yolov3.structures import Sample

LEAST_PAIRS = 8
"""From fewer pairs of a box and a truth no scale is told."""

SURE = 0.3
"""The score of a box that is believed without a truth below it."""

FAR_OVERLAP = 0.3
"""IoU of a truth and a box that mean the same thing though their scales differ."""

CONVENTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "left, top, width, height were read as corners": lambda boxes: xywh_to_xyxy(boxes),
    "centre, width, height were read as corners": lambda boxes: cxcywh_to_xyxy(boxes),
    "corners were read as left, top, width, height": lambda boxes: xyxy_to_xywh(boxes),
    "corners were read as centre, width, height": lambda boxes: xyxy_to_cxcywh(boxes),
    "centres were read as top left corners": lambda boxes: boxes - np.tile(box_sides(boxes) / 2, 2),
    "top left corners were read as centres": lambda boxes: boxes + np.tile(box_sides(boxes) / 2, 2),
    "x and y were exchanged": lambda boxes: boxes[:, [1, 0, 3, 2]],
}
"""What the numbers may have been read as, and how the boxes are that were meant."""


class Meaning(NamedTuple):
    """What boxes of the data may be: in words, what to do, and what they then are, (N, 4) of a sample."""

    words: str
    fix: str
    change: Callable[[Sample], np.ndarray]


def label_guesses(trial: Trial, found: Sequence[Detections], baseline: float) -> list[Guess]:
    """Each other meaning of the data's boxes; ``found`` is what the network finds, from which the scales are told."""

    def guess(kind: str, meaning: Meaning) -> Guess:
        def measure() -> Score:
            return trial.score(found, with_boxes(trial.dataset, meaning.change))

        return Guess(kind, f"boxes of the data {meaning.words}", meaning.fix, baseline, measure)

    guesses = [guess("labels", meaning) for meaning in _usual_meanings(trial)]
    pairs = pairs_to_measure(trial.dataset, found)
    if len(pairs) >= LEAST_PAIRS:
        guesses += [guess("scale", meaning) for meaning in _scales(trial.dataset, pairs)]
    return guesses


def with_boxes(dataset: Dataset, change: Callable[[Sample], np.ndarray]) -> Dataset:
    """The same images with other boxes; one that would be turned inside out has no area and matches nothing."""

    def changed(sample: Sample) -> Sample:
        boxes = np.array(change(sample), np.float32).reshape(-1, 4)  # a copy
        boxes[:, 2:] = np.maximum(boxes[:, :2], boxes[:, 2:])
        return replace(sample, boxes=boxes, areas=box_sides(boxes).prod(axis=1))

    return replace(dataset, samples=tuple(map(changed, dataset.samples)))


def pairs_to_measure(dataset: Dataset, found: Sequence[Detections]) -> list[Pair]:
    """Truths and boxes that mean the same thing wherever they lie: of a class with one truth in an image the surest box. Where
    there are too few, those that overlap a little."""
    lone = []
    for image, (sample, detections) in enumerate(zip(dataset.samples, found, strict=True)):
        for label in np.unique(sample.labels).tolist():
            truths = np.flatnonzero(sample.labels == label)
            own = np.flatnonzero((detections.labels.numpy() == label) & (detections.scores.numpy() >= SURE))
            if len(truths) == 1 and len(own) and not sample.ignore[truths[0]]:
                best = int(own[0])  # the best come first
                score = float(detections.scores[best])
                box = detections.boxes[best].numpy()
                lone.append(Pair(image, sample.boxes[truths[0]], label, box, label, score))
    return lone if len(lone) >= LEAST_PAIRS else partners(dataset, found, same_class=True, overlap=FAR_OVERLAP)


def fit_scale(truths: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors (2,) and offsets (2,), along x and y, that turn truths (N, 4) into boxes (N, 4), both xyxy: the medians of the
    ratios of sides, and of what is then left between the centres."""
    true, seen = xyxy_to_cxcywh(truths), xyxy_to_cxcywh(boxes)
    factors = np.median(seen[:, 2:] / np.maximum(true[:, 2:], 1e-6), axis=0)
    return factors, np.median(seen[:, :2] - factors * true[:, :2], axis=0)


def _usual_meanings(trial: Trial) -> Iterator[Meaning]:
    def meant(convert: Callable[[np.ndarray], np.ndarray]) -> Callable[[Sample], np.ndarray]:
        return lambda sample: convert(sample.boxes)

    for words, convert in CONVENTIONS.items():
        fix = "convert the labels, or read them in their own format (data.format)"
        yield Meaning(f"were read wrongly: {words}", fix, meant(convert))
    yield Meaning(
        "are in pixels of the network's input",
        "convert the labels to pixels of the images",
        lambda sample: Geometry.fit(sample.size, trial.preprocessing).boxes_to_image(sample.boxes),
    )


def _scales(dataset: Dataset, pairs: Sequence[Pair]) -> Iterator[Meaning]:
    """Those that fit the pairs."""
    truths = np.stack([pair.truth for pair in pairs]).astype(np.float64)
    boxes = np.stack([pair.box for pair in pairs]).astype(np.float64)
    sides = np.array([dataset.samples[pair.image].size[::-1] * 2 for pair in pairs], np.float64)
    fixed = 1 / fit_scale(truths, boxes / sides)[0]
    yield Meaning(
        f"are in pixels of images that were resized to about {fixed[0]:.0f}x{fixed[1]:.0f} (width x height)",
        "convert the labels to pixels of the images as they are, or give the resized images",
        lambda sample: sample.boxes * np.tile(np.array(sample.size[::-1]) / fixed, 2),
    )
    (x, y), (right, down) = fit_scale(truths, boxes)
    yield Meaning(
        f"are measured on another scale: x times {x:.3g} {right:+.1f} pixels, y times {y:.3g} {down:+.1f} pixels would fit",
        "convert the labels to pixels of the images as they are",
        lambda sample: sample.boxes * np.tile((x, y), 2) + np.tile((right, down), 2),
    )
