"""The measurement of detections against a data set: both metrics, and all that the numbers depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.coco import MAX_DETECTIONS, CocoClass, CocoNumbers, coco_metric
from yolov3.evaluation.coco_tables import metric_library_version
from yolov3.evaluation.voc import IOU_THRESHOLD, VocResult, voc_metric
from yolov3.selecting.postprocess import Selection
from yolov3.structures import Preprocessing
from yolov3.watching.stage_times import StageTimes


@dataclass(frozen=True)
class EvaluationSettings:
    """All that the numbers of an evaluation depend on: the ``model`` and the ``data`` in words, how images were fitted,
    how boxes were selected, what computed. With a ``rect_step`` inputs were no larger than their images needed, in multiples
    of so many pixels; images were looked at in ``tiles``, in words, where any."""

    model: str
    data: str
    images: int
    num_classes: int
    preprocessing: Preprocessing
    selection: Selection
    batch_size: int
    device: str
    precision: str
    rect_step: int | None = None
    runtime: str = "torch"
    tiles: str | None = None

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as ``metrics.json`` holds them."""
        selection, suppression = self.selection, self.selection.suppression
        exponent = {"diou_exponent": suppression.exponent} if suppression.kind == "diou" else {}
        return {
            "model": self.model,
            "data": self.data,
            "images": self.images,
            "num_classes": self.num_classes,
            **{f"input_{name}": value for name, value in asdict(self.preprocessing).items()},
            **({"input_rect_step": self.rect_step} if self.rect_step else {}),
            **({"tiles": self.tiles} if self.tiles else {}),
            "confidence": selection.confidence,
            "nms_threshold": selection.nms_threshold,
            "nms_kind": suppression.kind,
            **exponent,
            "class_agnostic": selection.class_agnostic,
            "multi_label": selection.multi_label,
            "max_candidates": selection.max_candidates,
            "max_detections": selection.max_detections,
            "batch_size": self.batch_size,
            "device": self.device,
            "precision": self.precision,
            "runtime": self.runtime,
            "torch": torch.__version__,
            "coco_max_detections": MAX_DETECTIONS,
            "coco_library": metric_library_version(),
            "voc_iou_threshold": IOU_THRESHOLD,
        }


@dataclass(frozen=True)
class EvaluationCounts:
    """Of images, true boxes and detections. ``dropped_detections`` are no boxes, ``nonfinite_predictions`` no numbers."""

    images: int
    truths: int
    ignored_truths: int
    detections: int
    dropped_detections: int
    nonfinite_predictions: int

    def as_plain(self) -> dict[str, int]:
        """Plain values, as ``metrics.json`` holds them."""
        return asdict(self)


@dataclass(frozen=True)
class DataSource:
    """Which data was measured on, such that it can be opened again: a section ``data`` of settings, and the ``split``."""

    data: Mapping[str, Any]
    split: str

    @staticmethod
    def of(section: DataSection, split: str) -> DataSource:
        """Its paths become absolute where they are those of files here."""
        data = section.model_dump(mode="json", exclude_defaults=True)
        for key in ("file", "root", "lists"):
            if data.get(key) and Path(data[key]).exists():
                data[key] = str(Path(data[key]).absolute())
        return DataSource(data, split)

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as ``metrics.json`` holds them."""
        return {"data": dict(self.data), "split": self.split}


@dataclass(frozen=True)
class Evaluation:
    """What was measured: COCO's twelve numbers and its scores per class, Pascal VOC's result. Numbers lie in [0, 1] and
    are None where there are no truths. ``detections`` are those of each sample, in order. ``settings``, ``times``, the
    ``folder`` of its files, the ``dataset``, its ``source`` and the ``strides`` of the network's levels are None or empty
    where nobody kept them."""

    coco: CocoNumbers
    per_class: tuple[CocoClass, ...]
    voc: VocResult
    counts: EvaluationCounts
    detections: tuple[Detections, ...] = field(default=(), repr=False)
    settings: EvaluationSettings | None = None
    times: StageTimes | None = None
    folder: Path | None = None
    dataset: Dataset | None = field(default=None, repr=False)
    strides: tuple[int, ...] = ()
    source: DataSource | None = None

    def as_plain(self) -> dict[str, Any]:
        """All but the detections as plain values: the content of ``metrics.json``."""
        return {
            "settings": self.settings.as_plain() if self.settings else {},
            "coco": self.coco.as_plain(),
            "per_class": [row.as_plain() for row in self.per_class],
            "voc": self.voc.as_plain(),
            "counts": self.counts.as_plain(),
            "timing": times_as_plain(self.times) if self.times else {},
            "source": self.source.as_plain() if self.source else {},
        }


def measure(dataset: Dataset, detections: Sequence[Detections], *, nonfinite: int = 0) -> Evaluation:
    """Both metrics of the detections of each sample, in the samples' order; ``nonfinite`` predictions were no numbers."""
    coco, voc = coco_metric(dataset, detections), voc_metric(dataset, detections)
    counts = EvaluationCounts(
        images=len(dataset.samples),
        truths=sum(row.truths for row in coco.per_class),
        ignored_truths=sum(row.ignored for row in coco.per_class),
        detections=sum(len(found) for found in detections),
        dropped_detections=coco.dropped,
        nonfinite_predictions=nonfinite,
    )
    return Evaluation(coco.numbers, coco.per_class, voc, counts, tuple(detections))


def times_as_plain(times: StageTimes) -> dict[str, float]:
    """Milliseconds per image of each stage of an evaluation, and images per second of all."""
    return {
        "data_wait_ms": times.milliseconds("reading"),
        "network_ms": times.milliseconds("network"),
        "postprocess_ms": times.milliseconds("selecting"),
        "images_per_second": times.images_per_second,
    }
