"""Why a model is as good as it is: everything that is known of an evaluation, from its data set and its detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yolov3.analysis.calibration import calibrate
from yolov3.analysis.cases import MOST, find_galleries
from yolov3.analysis.confusion import confuse
from yolov3.analysis.curves import Operating, score_curves
from yolov3.analysis.errors import find_errors
from yolov3.analysis.intervals import ROUNDS, draw
from yolov3.analysis.matching import match
from yolov3.analysis.overlaps import overlaps_of
from yolov3.analysis.strata import Surroundings, divide
from yolov3.analysis.words import Evidence, Finding, find_words
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.geometry import Geometry


@dataclass(frozen=True)
class AnalysisSettings:
    """``thresholds`` (one per class) above which detections are looked at; default: where each class has its best F1. The
    wished ``precision`` and ``recall``, for which thresholds are told. The bootstrap's ``rounds`` and ``seed``. Galleries
    show at most ``most`` cases. ``confidence`` is that of the evaluation, where it is known."""

    thresholds: tuple[float, ...] | None = None
    precision: float = 0.9
    recall: float = 0.9
    rounds: int = ROUNDS
    seed: int = 0
    most: int = MOST
    confidence: float | None = None

    def __post_init__(self) -> None:
        for name in ("precision", "recall"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], found {getattr(self, name)}")
        for name in ("rounds", "most"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")


@dataclass(frozen=True)
class Analysis:
    """All that was measured (``evidence``), the ``operating`` points of each class and, last, of all, and the ``findings``
    in words, the most costly first."""

    settings: AnalysisSettings
    evidence: Evidence = field(repr=False)
    operating: tuple[Operating, ...]
    findings: tuple[Finding, ...]

    def as_plain(self) -> dict[str, Any]:
        """Plain values, fit for JSON: no NaN, no arrays."""
        evidence, overlaps = self.evidence, self.evidence.confusion.matching.overlaps
        return {
            "counts": {
                "images": overlaps.num_images,
                "truths": int((~overlaps.truths.ignored).sum()),
                "ignored_truths": int(overlaps.truths.ignored.sum()),
                "detections": len(overlaps.found),
                "left_out_detections": overlaps.left_out,
            },
            "names": list(overlaps.names),
            "findings": [finding.as_plain() for finding in self.findings],
            "intervals": evidence.intervals.as_plain(),
            "errors": {
                **evidence.errors.as_plain(),
                "counts_above_thresholds": evidence.errors.counts(evidence.confusion.above),
            },
            "operating": {
                "wished_precision": self.settings.precision,
                "wished_recall": self.settings.recall,
                "points": [point.as_plain() for point in self.operating],
            },
            "confusion": evidence.confusion.as_plain(),
            "curves": evidence.curves.as_plain(),
            "calibration": evidence.calibration.as_plain(),
            "divisions": [division.as_plain() for division in evidence.divisions],
            "galleries": [gallery.as_plain() for gallery in evidence.galleries],
        }


def analyse(
    dataset: Dataset,
    detections: Sequence[Detections],
    *,
    strides: Sequence[int],
    geometries: Sequence[Geometry] | None = None,
    settings: AnalysisSettings | None = None,
) -> Analysis:
    """The analysis of the detections of each sample, in the samples' order, boxes in pixels of the images, as an evaluation
    has them (yolov3/evaluation/measure.py).

    ``strides`` are those of the network's levels, ``geometries`` how each image was fitted; without these, sizes are those
    in the images. Raises ValueError for numbers that do not fit together and for a truth that is not finite.
    """
    settings = settings or AnalysisSettings()
    surroundings = _surroundings(dataset, strides, geometries)
    matching = match(overlaps_of(dataset, detections))
    curves = score_curves(matching, settings.confidence)
    confusion = confuse(matching, settings.thresholds or curves.best_thresholds())
    errors = find_errors(matching)
    drawn = draw(matching, rounds=settings.rounds, seed=settings.seed)
    evidence = Evidence(
        curves=curves,
        confusion=confusion,
        errors=errors,
        drawn=drawn,
        intervals=drawn.intervals(),
        calibration=calibrate(matching, confusion.thresholds),
        divisions=divide(confusion, surroundings),
        galleries=find_galleries(confusion, errors, settings.most),
    )
    operating = curves.operating(settings.precision, settings.recall)
    return Analysis(settings, evidence, operating, find_words(evidence))


def _surroundings(dataset: Dataset, strides: Sequence[int], geometries: Sequence[Geometry] | None) -> Surroundings:
    sizes = tuple(sample.size for sample in dataset.samples)
    if geometries is None:
        return Surroundings(sizes, np.ones((len(sizes), 2)), min(strides))
    if tuple(one.image_size for one in geometries) != sizes:
        raise ValueError("the geometries are not those of the data set's images")
    return Surroundings.of(geometries, strides)
