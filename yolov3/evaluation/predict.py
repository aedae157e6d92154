"""What a model finds in the images of a loader, whatever computes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from yolov3.detections import Detections
from yolov3.runtimes.runtime import Runtime
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import Batch
from yolov3.watching.stage_times import StageTimes


@dataclass(frozen=True)
class Found:
    """What was found in each image of a batch, and how many predictions were no finite numbers."""

    detections: list[Detections]
    nonfinite: int


def predict(
    runtime: Runtime,
    loader: Iterable[Batch],
    *,
    selection: Selection,
    names: tuple[str, ...] = (),
    times: StageTimes | None = None,
) -> Iterator[Found]:
    """What a runtime finds, batch by batch, boxes in pixels of the images, in main memory. Times go into ``times``."""
    times = times if times is not None else StageTimes()
    batches = iter(loader)
    while True:
        with times.spent_in("reading"):
            batch = next(batches, None)
        if batch is None:
            return
        with times.spent_in("network"):
            predictions = runtime(batch.images)
        with times.spent_in("selecting"):
            nonfinite = predictions.num_nonfinite
            found = postprocess(predictions, batch.geometries, selection, names)
            detections = [replace(each, source=str(path)) for each, path in zip(found, batch.paths, strict=True)]
        times.images += len(batch)
        yield Found(detections, nonfinite)


def renumber(detections: Sequence[Detections], model_labels: Sequence[int]) -> list[Detections]:
    """Detections with a network's labels as detections with a data set's, whose i-th class is the network's
    ``model_labels[i]``. Other labels must not occur."""
    table = torch.full((max(model_labels, default=0) + 1,), -1, dtype=torch.int64)
    table[list(model_labels)] = torch.arange(len(model_labels))
    return [replace(found, labels=table[found.labels]) for found in detections]
