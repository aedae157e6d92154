"""A few images with labels that a network looks at in one way or another, and how well what it finds agrees with the labels.

The images are read and fitted anew for each way of looking; the raw maps of a way are kept, so that other anchors, classes
or labels cost no further pass.

AP50 here is the area under the curve at IoU 0.5, as in VOC 2010 and later. COCO's differs from it by a hundredth or two and
takes thirty times as long, which a hundred tries would feel.

Legend: N boxes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from yolov3.batches.detection import evaluation_loader
from yolov3.boxes import iou_matrix
from yolov3.codec import RawPredictions
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.doctor.low_score.hypothesis import Score
from yolov3.errors import UserError
from yolov3.evaluation.class_matching import match_classes
from yolov3.evaluation.voc import voc_metric
from yolov3.formats.model import LoadedModel
from yolov3.geometry import Geometry
from yolov3.machine.device import select_device
from yolov3.models.contract import DetectionNetwork
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import Level, Preprocessing

CONFIDENCE, NMS_THRESHOLD = 0.001, 0.6
"""As an evaluation has them."""

BATCH_SIZE = 16
NO_CLASS = -1
MATCH = 0.5
"""A box that overlaps a truth by this IoU has found it."""

TIGHT_MATCH = 0.75


@dataclass(frozen=True)
class View:
    """What a network gave for the images in one way of looking at them: of each batch the raw maps, in main memory, and the
    geometries that undo the fit."""

    batches: tuple[tuple[RawPredictions, tuple[Geometry, ...]], ...]


class Pair(NamedTuple):
    """A truth and the box that stands for it: the number of their image, boxes (4,) xyxy pixels of the image, labels of the
    data's classes, the box's score."""

    image: int
    truth: np.ndarray
    truth_label: int
    box: np.ndarray
    label: int
    score: float


@dataclass(frozen=True)
class Trial:
    """The images, a copy of the network, and the model's own rules. ``class_labels``: the network's label of each of the
    data's classes, NO_CLASS where it has none."""

    dataset: Dataset
    runtime: TorchRuntime
    preprocessing: Preprocessing
    selection: Selection
    class_labels: tuple[int, ...]

    @property
    def network(self) -> DetectionNetwork:
        """The copy."""
        return self.runtime.network

    def look(
        self, preprocessing: Preprocessing | None = None, change: Callable[[Tensor], Tensor] | None = None
    ) -> View:
        """What the network gives for the images, fitted in its own or another way and then changed: ``change`` takes and
        gives (B, 3, H, W), uint8 or float32. Raises UserError for an image that cannot be read."""
        loader = evaluation_loader(
            self.dataset, preprocessing=preprocessing or self.preprocessing, batch_size=BATCH_SIZE, workers=0
        )
        batches = []
        for batch in loader:
            raw = self.runtime(change(batch.images) if change else batch.images)
            batches.append((replace(raw, maps=tuple(maps.cpu() for maps in raw.maps)), batch.geometries))
        return View(tuple(batches))

    def found(
        self,
        view: View,
        *,
        levels: tuple[Level, ...] | None = None,
        class_labels: Sequence[int] | None = None,
        confidence: float = CONFIDENCE,
    ) -> list[Detections]:
        """What is found in each image, in the data's labels; with other ``levels`` or ``class_labels`` than the model's."""
        wanted = self.class_labels if class_labels is None else tuple(class_labels)
        table = torch.full((self.network.num_classes,), NO_CLASS, dtype=torch.int64)
        for data_label, label in enumerate(wanted):
            if label != NO_CLASS:
                table[label] = data_label
        known = tuple(label for label in wanted if label != NO_CLASS)
        selection = replace(self.selection, confidence=confidence, classes=known)
        found: list[Detections] = []
        for raw, geometries in view.batches:
            predictions = RawPredictions(raw.maps, levels) if levels else raw
            found += postprocess(predictions, geometries, selection)
        return [replace(each, labels=table[each.labels], names=self.dataset.names) for each in found]

    def score(self, found: Sequence[Detections], dataset: Dataset | None = None) -> Score:
        """AP of what was found in each image; ``dataset`` are the same images with other labels."""
        results = (voc_metric(dataset or self.dataset, found, iou_threshold=iou) for iou in (MATCH, TIGHT_MATCH))
        return Score(*(result.mean_10 or 0.0 for result in results))


def open_trial(model: LoadedModel, dataset: Dataset, *, images: int, device: str, seed: int) -> Trial:
    """The trial of a model on some images of a data set that have labels, drawn by the seed. The network is copied, so that
    nothing of the model changes. Raises UserError for data without labels."""
    if images < 1:
        raise UserError(f"the number of images must be at least 1, found {images}")
    labelled = [place for place, sample in enumerate(dataset.samples) if not sample.ignore.all()]
    if not labelled:
        raise UserError(f"{dataset.source}: no image has a label, so there is no score to explain")
    drawn = sorted(np.random.default_rng(seed).permutation(labelled)[:images].tolist())
    network = copy.deepcopy(model.detector())
    return Trial(
        dataset.part(drawn),
        TorchRuntime.of(network, select_device(device), torch.float32),
        model.meaning.preprocessing,
        Selection(CONFIDENCE, NMS_THRESHOLD, suppression=model.meaning.suppression, multi_label=True),
        labels_as_they_stand(model.names, dataset.names, network.num_classes),
    )


def labels_as_they_stand(names: Sequence[str], data_names: Sequence[str], num_classes: int) -> tuple[int, ...]:
    """The network's label of each of the data's classes as an evaluation takes it, by name; where it would refuse, by
    number."""
    try:
        return match_classes(names, data_names, num_model_classes=num_classes)
    except UserError:
        return labels_by_number(len(data_names), num_classes)


def labels_by_number(num_data_classes: int, num_classes: int, shift: int = 0) -> tuple[int, ...]:
    """The data's classes are the network's of the same number, or of that plus ``shift``."""
    wanted = range(shift, num_data_classes + shift)
    return tuple(label if 0 <= label < num_classes else NO_CLASS for label in wanted)


def partners(dataset: Dataset, found: Sequence[Detections], *, same_class: bool, overlap: float = MATCH) -> list[Pair]:
    """For each truth the surest box that overlaps it so far, of its own class or of any; truths without one are left out, and
    those to be ignored."""
    pairs = []
    for image, (sample, detections) in enumerate(zip(dataset.samples, found, strict=True)):
        boxes, labels, scores = (part.numpy() for part in (detections.boxes, detections.labels, detections.scores))
        overlaps = iou_matrix(torch.from_numpy(sample.boxes).float(), detections.boxes.float()).numpy()
        fits = overlaps >= overlap
        if same_class:
            fits &= sample.labels[:, None] == labels[None]
        for truth in np.flatnonzero(~sample.ignore & fits.any(axis=1)).tolist():
            best = int(np.where(fits[truth], scores, -1.0).argmax())
            own = (sample.boxes[truth], int(sample.labels[truth]))
            pairs.append(Pair(image, *own, boxes[best], int(labels[best]), float(scores[best])))
    return pairs
