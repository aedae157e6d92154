"""How good a network is on a data set: run it over the pictures, then measure what it found.

The two halves stand alone. :func:`predict` gives detections for the images of any loader, so that several processes can
share a data set; :func:`measure` takes the detections of all samples, from wherever they come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from yolov3.datasets import Dataset, EvaluationLoader
from yolov3.device import mixed_precision
from yolov3.engine.coco_metric import MAX_DETECTIONS, coco_metric
from yolov3.engine.voc_metric import IOU_THRESHOLD, voc_metric
from yolov3.errors import UserError
from yolov3.postprocess import Selection, postprocess
from yolov3.structures import Batch, Detections, Level, Preprocessing

Progress = Callable[[int, int], object]
"""Called after each batch with the images done and the images in all."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured. ``coco``: the twelve numbers of COCO (yolov3.engine.coco_metric), ``per_class`` its rows per
    class; ``voc``: ``AP07`` and ``AP10+`` (means over classes) and ``per_class``. Numbers lie in [0, 1] and are None
    where there are no truths. ``settings`` names all that the numbers depend on; ``counts`` images, boxes and
    detections; ``timing`` milliseconds per image of each stage. ``detections`` are those of each sample, in order."""

    coco: dict[str, float | None]
    per_class: list[dict[str, Any]]
    voc: dict[str, Any]
    settings: dict[str, Any]
    counts: dict[str, int]
    timing: dict[str, float] = field(default_factory=dict)
    detections: tuple[Detections, ...] = field(default=(), repr=False)


@dataclass
class Stages:
    """Seconds spent in each stage of :func:`predict`, and what was seen there."""

    data: float = 0.0
    network: float = 0.0
    postprocess: float = 0.0
    images: int = 0
    nonfinite: int = 0

    def per_image(self) -> dict[str, float]:
        """Milliseconds per image of each stage, and images per second of all."""
        images = max(1, self.images)
        total = self.data + self.network + self.postprocess
        return {
            "data_wait_ms": 1000 * self.data / images,
            "network_ms": 1000 * self.network / images,
            "postprocess_ms": 1000 * self.postprocess / images,
            "images_per_second": self.images / max(total, 1e-9),
        }


def evaluate(
    network: nn.Module,
    dataset: Dataset,
    *,
    preprocessing: Preprocessing,
    selection: Selection,
    batch_size: int,
    workers: int,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    progress: Progress | None = None,
    model: str = "",
    model_labels: Sequence[int] | None = None,
) -> Evaluation:
    """Measure ``network``, which lies on ``device``, on all samples of ``dataset``; its mode is as before afterwards.

    ``model`` describes the network in the report. ``model_labels`` are the network's labels of the data set's classes
    (:func:`yolov3.engine.class_matching.match_classes`) where they are not 0, 1, ...; its other classes are left out.
    Raises UserError for a picture that cannot be read and when the device's memory does not hold a batch.
    """
    if model_labels is not None:
        selection = replace(selection, classes=tuple(model_labels))
    loader = EvaluationLoader(dataset, preprocessing=preprocessing, batch_size=batch_size, workers=workers)
    stages = Stages()
    pairs = predict(
        network, loader, selection=selection, device=device, precision=precision, stages=stages, names=dataset.names
    )
    detections = []
    with closing(pairs):
        for _, found in pairs:
            detections.append(found)
            if progress and len(detections) == stages.images:  # the last one of a batch
                progress(len(detections), len(dataset.samples))
    if model_labels is not None:
        detections = renumber(detections, model_labels)
    settings = {
        "model": model or type(network).__name__,
        "data": dataset.source,
        "images": len(dataset.samples),
        "num_classes": len(dataset.names),
        **{f"input_{name}": value for name, value in asdict(preprocessing).items()},
        **_selection_settings(selection, chosen_classes=model_labels is not None),
        "batch_size": batch_size,
        "device": str(device),
        "precision": str(precision).removeprefix("torch."),
        "torch": torch.__version__,
    }
    return measure(dataset, detections, settings=settings, stages=stages)


def predict(
    network: nn.Module,
    loader: Iterable[Batch],
    *,
    selection: Selection,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    stages: Stages | None = None,
    names: tuple[str, ...] = (),
) -> Generator[tuple[int, Detections], None, None]:
    """(number of the image in the loader's order, its detections) for each image, boxes in pixels of the picture, in
    main memory. While it runs the network is in evaluation mode; times go into ``stages``."""
    stages = stages if stages is not None else Stages()
    levels: tuple[Level, ...] = network.levels  # type: ignore[assignment]  # the contract of our networks
    number = 0
    with evaluation_mode(network):
        mark = time.perf_counter()
        for batch in loader:
            mark, stages.data = _lap(mark, stages.data)
            with torch.no_grad():
                raw = _run(network, batch, device, precision)
                mark, stages.network = _lap(mark, stages.network)
                stages.nonfinite += count_nonfinite(raw)
                found = postprocess(raw, levels, batch.geometries, selection, names)
            mark, stages.postprocess = _lap(mark, stages.postprocess)
            stages.images += len(batch)
            yield from enumerate(found, start=number)
            number += len(batch)
            mark = time.perf_counter()


def measure(
    dataset: Dataset, detections: Sequence[Detections], *, settings: dict[str, Any], stages: Stages | None = None
) -> Evaluation:
    """Both metrics of the detections of each sample, in the samples' order."""
    coco = coco_metric(dataset, detections)
    voc = voc_metric(dataset, detections)
    counts = {
        "images": len(dataset.samples),
        "truths": sum(row["truths"] for row in coco.per_class),
        "ignored_truths": sum(row["ignored"] for row in coco.per_class),
        "detections": sum(len(found) for found in detections),
        "dropped_detections": coco.dropped,
        "nonfinite_predictions": stages.nonfinite if stages else 0,
    }
    return Evaluation(
        coco=coco.numbers,
        per_class=list(coco.per_class),
        voc={"AP07": voc.mean_07, "AP10+": voc.mean_10, "per_class": list(voc.per_class)},
        settings={**settings, "coco_max_detections": MAX_DETECTIONS, "voc_iou_threshold": IOU_THRESHOLD},
        counts=counts,
        timing=stages.per_image() if stages else {},
        detections=tuple(detections),
    )


def renumber(detections: Sequence[Detections], model_labels: Sequence[int]) -> list[Detections]:
    """Detections with a network's labels as detections with a data set's, whose i-th class is the network's
    ``model_labels[i]``. Other labels must not occur."""
    table = torch.full((max(model_labels, default=0) + 1,), -1, dtype=torch.int64)
    table[list(model_labels)] = torch.arange(len(model_labels))
    return [Detections(found.boxes, found.scores, table[found.labels], found.names) for found in detections]


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode; afterwards each of its parts in the mode it had (some may be frozen)."""
    modes = [(part, part.training) for part in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def count_nonfinite(raw: Sequence[Tensor]) -> int:
    """How many places of raw maps (B, A, H, W, 5 + C) hold a number that is not finite."""
    # A sum is one cheap pass and is finite only when every term is (unless it overflows, and then we look closer).
    return sum(int((~maps.isfinite()).any(dim=-1).sum()) for maps in raw if not bool(maps.sum().isfinite()))


def _run(network: nn.Module, batch: Batch, device: torch.device, precision: torch.dtype) -> tuple[Tensor, ...]:
    try:
        images = batch.normalised_images(device)
        with mixed_precision(device, precision):
            raw = network(images)
        if device.type == "cuda":  # so that the clock sees the network's time and not the next stage
            torch.cuda.synchronize(device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{device} has not enough memory for a batch of {len(batch)} images of "
            f"{batch.images.shape[2]}x{batch.images.shape[3]}; use a smaller batch size for the evaluation"
        ) from error
    return raw


def _lap(mark: float, seconds: float) -> tuple[float, float]:
    """(now, ``seconds`` and the time since ``mark``)."""
    now = time.perf_counter()
    return now, seconds + now - mark


def _selection_settings(selection: Selection, *, chosen_classes: bool) -> dict[str, Any]:
    values = asdict(selection)
    if selection.nms_kind != "diou":
        del values["diou_exponent"]
    if chosen_classes or selection.classes is None:
        del values["classes"]
    return values
