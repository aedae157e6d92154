"""What a model finds in the images of a loader, whatever computes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from yolov3.batches.detection import evaluation_loader
from yolov3.batches.loader import OrderedLoader
from yolov3.datasets.dataset import Dataset, Sample, read_sample_image
from yolov3.detections import Detections
from yolov3.evaluation.measure import EvaluationSettings
from yolov3.runtimes.runtime import Runtime
from yolov3.runtimes.tiled import TiledLook
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.sources.read_ahead import read_ahead
from yolov3.structures import Batch
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Pace, Watcher

AHEAD = 2  # large images that wait in memory


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


def predict_tiled(
    look: TiledLook,
    samples: Sequence[Sample],
    *,
    selection: Selection,
    names: tuple[str, ...] = (),
    times: StageTimes | None = None,
) -> Iterator[Found]:
    """What is found in the images of samples that are looked at in tiles, one by one in their order, the next ones being read
    meanwhile. Raises UserError for an image that cannot be read."""
    times = times if times is not None else StageTimes()
    images = read_ahead(read_sample_image, samples, ahead=AHEAD)
    for sample in samples:
        with times.spent_in("reading"):
            image = next(images)
        found, nonfinite = look(image, selection, names, times)
        times.images += 1
        yield Found([replace(found, source=str(sample.path))], nonfinite)


def renumber(detections: Sequence[Detections], model_labels: Sequence[int]) -> list[Detections]:
    """Detections with a network's labels as detections with a data set's, whose i-th class is the network's
    ``model_labels[i]``. Other labels must not occur."""
    table = torch.full((max(model_labels, default=0) + 1,), -1, dtype=torch.int64)
    table[list(model_labels)] = torch.arange(len(model_labels))
    return [replace(found, labels=table[found.labels]) for found in detections]


@dataclass(frozen=True)
class AllFound:
    """What was found in each image of a data set, in its order and with its labels; how many predictions were no finite
    numbers; where the time went."""

    detections: list[Detections]
    nonfinite: int
    times: StageTimes


def loader_of(dataset: Dataset, settings: EvaluationSettings, workers: int) -> OrderedLoader[Batch]:
    """The batches of a data set that a network is shown when it is measured as the settings say."""
    return evaluation_loader(
        dataset,
        preprocessing=settings.preprocessing,
        batch_size=settings.batch_size,
        workers=workers,
        step=settings.rect_step,
    )


def predict_all(
    runtime: Runtime,
    dataset: Dataset,
    settings: EvaluationSettings,
    *,
    model_labels: Sequence[int],
    workers: int,
    watcher: Watcher,
    tiled: TiledLook | None = None,
) -> AllFound:
    """What a runtime finds in all samples of a data set, as the settings say. ``model_labels`` are the model's labels of the
    data set's classes (yolov3/evaluation/class_matching.py); its other classes are left out. Raises UserError for an image
    that cannot be read."""
    selection = replace(settings.selection, classes=tuple(model_labels))
    times, pace = StageTimes(), Pace()
    detections: list[Detections] = []
    nonfinite = 0
    order: Sequence[int] = range(len(dataset))
    if tiled is not None:
        answers = predict_tiled(tiled, dataset.samples, selection=selection, names=dataset.names, times=times)
    else:
        loader = loader_of(dataset, settings, workers)
        answers, order = predict(runtime, loader, selection=selection, names=dataset.names, times=times), loader.indices
    for found in answers:
        detections += found.detections
        nonfinite += found.nonfinite
        speed = pace.text(len(detections), "images")
        watcher.advance(len(detections), len(dataset), text=f"evaluating  {speed}")
    in_order = [found for _, found in sorted(zip(order, detections, strict=True), key=lambda pair: pair[0])]
    return AllFound(renumber(in_order, model_labels), nonfinite, times)
