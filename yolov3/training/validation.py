"""How good the weights of a detector are at this moment, measured by all processes of its run together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from yolov3.batches.detection import evaluation_loader
from yolov3.config.experiment import EvaluateSection
from yolov3.datasets.dataset import Dataset
from yolov3.evaluation.measure import Evaluation, measure
from yolov3.evaluation.predict import predict
from yolov3.postprocess import Selection
from yolov3.processes.world import World
from yolov3.runtimes.runtime import Runtime
from yolov3.structures import Detections, Preprocessing, Suppression


@dataclass(frozen=True)
class ValidationRules:
    """How images are fitted and boxes selected, and how the images are dealt out over batches and loader processes."""

    preprocessing: Preprocessing
    selection: Selection
    batch_size: int
    workers: int


def validate(
    runtime: Runtime, data: Dataset, rules: ValidationRules, world: World, check: Callable[[], None]
) -> Evaluation | None:
    """The evaluation of a data set, whose images the processes share; None in all but the first. ``check`` is called
    between batches and may leave by an exception."""
    loader = evaluation_loader(
        replace(data, samples=data.samples[world.rank :: world.size]),
        preprocessing=rules.preprocessing,
        batch_size=rules.batch_size,
        workers=rules.workers,
    )
    own: list[Detections] = []
    for found in predict(runtime, loader, selection=rules.selection):
        own += found.detections
        if world.size == 1:  # several processes can only stop together, after it
            check()
    shares = world.gather(own)
    if shares is None:
        return None
    merged: list[Detections] = [Detections.empty()] * len(data)
    for rank, share in enumerate(shares):
        merged[rank :: world.size] = share
    return measure(data, merged)


def training_part(dataset: Dataset, count: int) -> Dataset:
    """``count`` images spread evenly over the data set, always the same ones."""
    count = min(count, len(dataset))
    chosen = np.linspace(0, len(dataset), count, endpoint=False).astype(int).tolist()
    return replace(dataset, samples=tuple(dataset.samples[index] for index in chosen))


def selection_of(settings: EvaluateSection, suppression: Suppression) -> Selection:
    """Which predictions count in an evaluation."""
    return Selection(
        confidence=settings.confidence,
        nms_threshold=settings.nms_threshold,
        suppression=suppression,
        class_agnostic=settings.class_agnostic,
        multi_label=settings.multi_label,
        max_detections=settings.max_detections,
    )
