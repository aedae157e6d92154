"""How good the weights of a run are at this moment, measured by all of its processes together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from yolov3.config import EvaluateSection
from yolov3.datasets import Dataset, EvaluationLoader
from yolov3.engine.evaluate import Evaluation, measure, predict
from yolov3.engine.setup import Run
from yolov3.postprocess import Selection
from yolov3.structures import Detections


@dataclass(frozen=True)
class Scores:
    """COCO's AP at IoU 0.5 and its mean over thresholds, None without truths; ``training_ap`` on the fixed part of the
    training pictures, None when that is off. ``evaluation`` is all of it, in the first process only."""

    ap50: float | None
    ap: float | None
    training_ap: float | None
    evaluation: Evaluation | None


def validate(run: Run, check: Callable[[], None]) -> Scores:
    """Measure the averaged weights on the validation data, and on a few training pictures to see what is learned by
    heart. ``check`` is called between pictures and may leave by an exception."""
    evaluation = _measure(run, run.validation_data, check)
    part = training_part(run.training_data, run.experiment.train.evaluate_training)
    if run.experiment.data.overfit or not part.samples:  # there both are the same pictures
        training_ap = None
    else:
        measured = _measure(run, part, check)
        training_ap = measured.coco["AP"] if measured else None
    numbers = (evaluation.coco["AP50"], evaluation.coco["AP"], training_ap) if evaluation else None
    ap50, ap, training_ap = run.world.from_first(numbers)
    return Scores(ap50, ap, training_ap, evaluation)


def training_part(dataset: Dataset, count: int) -> Dataset:
    """``count`` pictures spread evenly over the data set, always the same ones."""
    count = min(count, len(dataset))
    chosen = np.linspace(0, len(dataset), count, endpoint=False).astype(int).tolist()
    return replace(dataset, samples=tuple(dataset.samples[index] for index in chosen))


def selection_of(settings: EvaluateSection) -> Selection:
    """Which predictions count in an evaluation."""
    return Selection(
        confidence=settings.confidence,
        nms_threshold=settings.nms_threshold,
        class_agnostic=settings.class_agnostic,
        multi_label=settings.multi_label,
        max_detections=settings.max_detections,
    )


def _measure(run: Run, data: Dataset, check: Callable[[], None]) -> Evaluation | None:
    """The evaluation of one data set, whose pictures the processes share; None in all but the first."""
    network = run.state.average.network if run.state.average else run.state.network
    world = run.world
    loader = EvaluationLoader(
        replace(data, samples=data.samples[world.rank :: world.size]),
        preprocessing=run.experiment.model.preprocessing,
        batch_size=run.experiment.evaluate.batch_size,
        workers=run.experiment.train.workers,
    )
    found = []
    selection = selection_of(run.experiment.evaluate)
    pairs = predict(network, loader, selection=selection, device=run.device, precision=run.precision)
    with closing(pairs):
        for _, detections in pairs:
            found.append(detections)
            if world.size == 1:  # several processes can only stop together, after it
                check()
    shares = world.gather(found)
    if shares is None:
        return None
    merged: list[Detections] = [Detections.empty()] * len(data)
    for rank, share in enumerate(shares):
        merged[rank :: world.size] = share
    return measure(data, merged, settings={})
