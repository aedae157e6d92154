"""A detector as the task of a training: its data, its network, how it is measured and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from yolov3.batches.balance import repeat_factors
from yolov3.batches.detection import training_loader
from yolov3.batches.image_cache import ImageCache
from yolov3.batches.plan import EpochSettings
from yolov3.catalogue.cutting import splits_as_learned
from yolov3.catalogue.opening import Splits, open_splits
from yolov3.checks.described import describe_anchors, describe_data, without_repeated
from yolov3.checks.start import warnings_at_start
from yolov3.checks.view import NetworkView
from yolov3.config.experiment import EvaluateSection, Experiment
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.evaluation.measure import Evaluation
from yolov3.evaluation.report import class_table
from yolov3.evaluation.shared import SharedRules, evaluate_shared
from yolov3.formats.build import Start, begin, build_detector, open_start, settle
from yolov3.formats.checkpoint import model_from_content
from yolov3.formats.transfer import TransferReport
from yolov3.journal.rows import DetectionRow, EpochRow
from yolov3.journal.sheets import batch_sheet, prediction_sheet
from yolov3.models.contract import DetectionNetwork, require_detector
from yolov3.processes.world import World
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection
from yolov3.structures import Batch, ModelMeaning, Size, Suppression, Targets
from yolov3.training.objective import DetectionObjective
from yolov3.training.place import Place
from yolov3.training.run import Stopped, check_classes, check_images, prepare_network
from yolov3.training.task import EpochEnd, Scores, Task
from yolov3.watching.lines import WARNING
from yolov3.watching.tables import NumberTable

MOSAIC_IMAGES = 4


@dataclass(frozen=True)
class DetectionScores(Scores):
    """COCO's AP at IoU 0.5 and its mean over thresholds, None without truths; ``training_ap`` on the fixed part of the
    training images, None when that is off. ``evaluation`` is all of it, in the first process only."""

    ap50: float | None
    ap: float | None
    training_ap: float | None
    evaluation: Evaluation | None


@dataclass(frozen=True)
class Beginning:
    """How a network came to be: what was taken over from elsewhere, in words, and which weights."""

    notes: tuple[str, ...] = ()
    taken: TransferReport | None = None


class DetectionTask(Task[Batch]):
    """The task of an experiment. ``network`` is prepared to be trained."""

    row_kind = DetectionRow

    def __init__(
        self,
        settings: Experiment,
        network: DetectionNetwork,
        splits: Splits,
        place: Place,
        beginning: Beginning,
    ) -> None:
        self.settings, self.network, self.beginning = settings, network, beginning
        self.training_data, self.validation_data, self.division = splits.train, splits.val, splits.division
        training_data = splits.train
        self.backbone = network.backbone
        self.experiment = settings.as_plain()
        self.meaning = ModelMeaning(training_data.names, settings.model.preprocessing, settings.model.suppression_rule)
        self.objective = DetectionObjective(network, settings.loss)
        self.loader = training_loader(
            training_data,
            augment=settings.augment,
            preprocessing=self.meaning.preprocessing,
            settings=_epoch_settings(settings, training_data, place.world),
            workers=settings.train.workers,
            cache=_open_cache(training_data, settings, place.world),
        )
        self._levels = network.levels

    def describe(self) -> list[str]:
        return [
            describe_data(self.training_data, "train"),
            "val: the same (data.overfit)"
            if self.settings.data.overfit
            else describe_data(without_repeated(self.validation_data, self.training_data), "val"),
            describe_anchors(self.training_data, self.meaning.preprocessing, self._levels),
        ]

    def notes(self) -> list[str]:
        taken = [str(self.beginning.taken)] if self.beginning.taken is not None else []
        return [*self._warnings(), *self.beginning.notes, *taken]

    def _warnings(self) -> list[str]:
        """What the doctor would say of the data. Where the same few images are learned and measured on purpose, as some do
        to see whether all works, nothing is."""
        if self.settings.data.overfit:
            return []
        view = NetworkView(self.meaning.preprocessing, self._levels, self.settings.loss)
        return [found.warning for found in warnings_at_start(self.training_data, self.validation_data, view)]

    def record(self, folder: Path) -> None:
        """The lists of a division that was made here, so that it holds for ever after."""
        if self.division is not None:
            self.division.write(folder)
            self.experiment["data"]["lists"] = str(folder.absolute())

    def judge(self, network: nn.Module, place: Place, check: Callable[[], None]) -> DetectionScores:
        runtime = TorchRuntime(_detector(network), place.device, place.precision)
        rules = SharedRules(
            self.meaning.preprocessing,
            selection_of(self.settings.evaluate, self.meaning.suppression),
            self.settings.evaluate.batch_size,
            self.settings.train.workers,
        )
        evaluation = evaluate_shared(runtime, self.validation_data, rules, place.world, check)
        part = training_part(self.training_data, self.settings.train.evaluate_training)
        training_ap = None
        if part.samples and not self.settings.data.overfit:  # there both are the same images
            on_part = evaluate_shared(runtime, part, rules, place.world, check)
            training_ap = on_part.coco.ap if on_part else None
        own = (evaluation.coco.ap50, evaluation.coco.ap, training_ap) if evaluation else None
        ap50, ap, training_ap = place.world.from_first(own)
        return DetectionScores(ap or 0.0, ap50, ap, training_ap, evaluation)

    def row(self, end: EpochEnd) -> DetectionRow:
        box, objectness, classes = end.losses
        scores = end.scores if isinstance(end.scores, DetectionScores) else None
        return DetectionRow(
            epoch=end.epoch,
            box=box,
            objectness=objectness,
            classes=classes,
            ap50=scores.ap50 if scores else None,
            ap=scores.ap if scores else None,
            training_ap=scores.training_ap if scores else None,
            learning_rate=end.learning_rate,
            skipped_steps=end.skipped,
        )

    def numbers(self, row: EpochRow) -> str:
        assert isinstance(row, DetectionRow)
        text = f"box {row.box:.3f}  obj {row.objectness:.3f}  cls {row.classes:.3f}"
        if row.ap is not None:
            text += f"  AP50 {row.ap50:.3f}  AP {row.ap:.3f}"
            if row.training_ap is not None:
                text += f" ({row.training_ap:.3f} on training images)"
        return text

    def largest_batch(self, count: int, size: Size) -> Batch:
        """Grey images full of boxes."""
        joined = MOSAIC_IMAGES if self.settings.augment.mosaic else 1
        return grey_batch(self.training_data, count, size, boxes_each=most_boxes(self.training_data) * joined)

    def batch_sheet(self, batch: Batch) -> np.ndarray:
        return batch_sheet(batch, self.training_data.names)

    def score_sheet(self, scores: Scores) -> np.ndarray | None:
        evaluation = _evaluation_of(scores)
        return prediction_sheet(self.validation_data, evaluation.detections) if evaluation else None

    def class_scores(self, scores: Scores) -> dict[str, float | None]:
        evaluation = _evaluation_of(scores)
        return {row.name: row.ap for row in evaluation.per_class} if evaluation else {}

    def table(self, scores: Scores) -> NumberTable | None:
        evaluation = _evaluation_of(scores)
        return class_table(evaluation) if evaluation else None


def detection_task(settings: Experiment, place: Place, stopped: Stopped | None) -> DetectionTask:
    """The task of an experiment, begun anew or as a stopped run left it. Raises UserError."""
    splits = open_splits(settings.data)
    if stopped is not None:
        check_classes(stopped, splits.train.names, splits.train.source)
    _check_data(splits.train, splits.val)
    start, notes = Start(), list[str]()
    if stopped is None:
        if settings.train.weights:
            start = open_start(settings.train.weights, settings.model)
        model, notes = settle(settings.model, start)
        settings = settings.model_copy(update={"model": model})
        notes += _warnings(settings)
    splits = splits_as_learned(splits, settings, settings.model.preprocessing.size)
    training_data = splits.train
    if stopped is not None:
        check_images(stopped, len(training_data), training_data.source)
    torch.manual_seed(settings.train.seed)
    taken = None
    if stopped is None:
        network = build_detector(settings.model, num_classes=len(training_data.names))
        taken = begin(network, start, names=training_data.names)
    else:
        network = _detector(model_from_content(stopped.content, stopped.last).network.train())
    network = _detector(prepare_network(network, settings.train, place))
    return DetectionTask(settings, network, splits, place, Beginning(tuple(notes), taken))


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


def grey_batch(dataset: Dataset, count: int, size: Size, *, boxes_each: int) -> Batch:
    """So many grey images of a size with so many boxes each."""
    total = count * boxes_each
    height, width = size
    targets = Targets(
        torch.tensor([[0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]]).repeat(total, 1),
        torch.zeros(total, dtype=torch.int64),
        torch.arange(count).repeat_interleave(boxes_each),
        torch.zeros(total, dtype=torch.bool),
        torch.ones(total),
    )
    return Batch(torch.full((count, 3, height, width), 128, dtype=torch.uint8), targets, dataset.samples[:1] * count)


def most_boxes(dataset: Dataset) -> int:
    """The largest number of boxes in one image."""
    return max(len(sample.boxes) for sample in dataset.samples)


def _detector(network: nn.Module) -> DetectionNetwork:
    return require_detector(network, source="the run", description="its network")


def _evaluation_of(scores: Scores) -> Evaluation | None:
    return scores.evaluation if isinstance(scores, DetectionScores) else None


def _epoch_settings(settings: Experiment, dataset: Dataset, world: World) -> EpochSettings:
    train = settings.train
    return EpochSettings(
        batch_size=train.batch_size,
        seed=train.seed,
        size=settings.model.preprocessing.size,
        sides=train.multi_scale,
        every=train.multi_scale_every,
        rank=world.rank,
        world=world.size,
        shares=repeat_factors(dataset, train.balance) if train.balance else None,
    )


def _open_cache(dataset: Dataset, settings: Experiment, world: World) -> ImageCache | None:
    if settings.train.cache == "none":
        return None
    folder = Path(settings.train.output) / "cache" if settings.train.cache == "disk" else None
    return ImageCache(dataset, folder=folder, processes=world.local_size)


def _check_data(training_data: Dataset, validation_data: Dataset) -> None:
    if not training_data.samples:
        raise UserError(f"{training_data.source}: no images to train on")
    if training_data.names != validation_data.names:
        raise UserError(
            f"the classes of the training data ({', '.join(training_data.names)}) and of the validation data "
            f"({', '.join(validation_data.names)}) differ"
        )


def _warnings(settings: Experiment) -> list[str]:
    if settings.train.freeze_backbone and settings.model.cfg is not None:
        with torch.device("meta"):
            network = build_detector(settings.model, num_classes=1)
        if network.backbone is None:
            return [
                f"{WARNING}train.freeze_backbone does nothing: {settings.model.cfg} does not say what its backbone is"
            ]
    return []
