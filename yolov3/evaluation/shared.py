"""The measurement of a data set whose images several processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from yolov3.batches.detection import evaluation_loader
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.evaluation.measure import Evaluation, measure
from yolov3.evaluation.predict import predict
from yolov3.processes.world import World
from yolov3.runtimes.runtime import Runtime
from yolov3.selecting.postprocess import Selection
from yolov3.structures import Preprocessing


@dataclass(frozen=True)
class SharedRules:
    """How images are fitted and boxes selected, and how the images are dealt out over batches and loader processes."""

    preprocessing: Preprocessing
    selection: Selection
    batch_size: int
    workers: int


def evaluate_shared(
    runtime: Runtime, data: Dataset, rules: SharedRules, world: World, check: Callable[[], None]
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
