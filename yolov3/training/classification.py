"""Training an image classifier whose backbone a detector can start from: its options, its task, from folders to weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypedDict, Unpack

import torch
from torch import nn

from yolov3.batches.classification import (
    LabelledImages,
    classification_evaluation_loader,
    classification_training_loader,
)
from yolov3.batches.plan import EpochSettings
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.config.loading import validate_section
from yolov3.datasets.class_folders import ClassFolders, read_class_folders
from yolov3.errors import UserError
from yolov3.formats.checkpoint import model_from_content
from yolov3.journal.rows import ClassificationRow, EpochRow
from yolov3.machine.device import mixed_precision
from yolov3.models.classifier import Darknet53Classifier
from yolov3.processes.world import World, join_world
from yolov3.runtimes.torch_runtime import evaluation_mode
from yolov3.structures import ModelMeaning, Preprocessing, Size
from yolov3.training.loop import TrainResult, run_training
from yolov3.training.objective import ClassificationObjective
from yolov3.training.place import Place
from yolov3.training.run import Run, Stopped, check_classes, check_images, find_stopped, open_run, prepare_network
from yolov3.training.task import EpochEnd, Scores, Task
from yolov3.training.train import check_batch
from yolov3.watching.words import counted

TOP = 5
NORM_MOMENTUM = 0.1  # of batch norm's statistics; Darknet's 0.01 needs hundreds of steps to forget the start


class ClassifierChanges(TypedDict, total=False):
    """The fields of :class:`ClassifierOptions`, as keywords."""

    data: str
    width: float
    side: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_epochs: float
    workers: int
    seed: int
    device: str
    precision: str
    output: str
    name: str | None


@dataclass(frozen=True)
class ClassifierOptions:
    """How a classifier is trained on ``data``, a folder that holds train/CLASS/*.jpg and val/CLASS/*.jpg. Rates are
    Darknet's for Darknet-53: 0.1 for batches of 128, decay 0.0005. A new folder ``name`` (default: the data's) is made in
    ``output``."""

    data: str
    width: float = 1.0
    side: int = 256
    epochs: int = 90
    batch_size: int = 32
    learning_rate: float = 0.025
    weight_decay: float = 0.0005
    warmup_epochs: float = 1.0
    workers: int = 2
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    output: str = "runs/classifier"
    name: str | None = None

    def __post_init__(self) -> None:
        if self.side < 32 or self.side % 32:
            raise UserError(f"the side of the input must be a multiple of 32, found {self.side}")
        if not self.width > 0:
            raise UserError(f"the width must be above 0, found {self.width}")

    def sections(self) -> tuple[TrainSection, OptimiserSection]:
        """The settings that every training has. Raises UserError for numbers that cannot be."""
        train = {name: getattr(self, name) for name in _SHARED_WITH_TRAINING}
        train |= {"ema": 0.0, "norm_momentum": NORM_MOMENTUM, "evaluate_every": 1}
        rates = {name: getattr(self, name) for name in ("learning_rate", "weight_decay", "warmup_epochs")}
        return (
            validate_section(TrainSection, train, "the classifier"),
            validate_section(OptimiserSection, {**rates, "warmup_power": 1.0}, "the classifier"),
        )


_SHARED_WITH_TRAINING = ("epochs", "batch_size", "workers", "seed", "device", "precision", "output", "name")
_MAY_CHANGE = ("data", "epochs", "workers", "device", "precision")
"""What of a stopped run may be another when it goes on."""


def train_classifier(*, resume: str | Path | None = None, **changes: Unpack[ClassifierChanges]) -> TrainResult:
    """Train Darknet-53 on images in class folders: ``train_classifier(data="data/flowers")``. With ``resume`` go on with
    the run of that folder, whose own options then count, but for those that may be changed.

    Raises UserError for what the user can mend and :class:`yolov3.processes.interruption.Interrupted` after Ctrl-C or
    SIGTERM, when all is saved.
    """
    with join_world() as world:
        return run_training(_start_run(Path(resume) if resume else None, changes, world))


def _start_run(resume: Path | None, changes: ClassifierChanges, world: World) -> Run[LabelledImages]:
    stopped = find_stopped(resume, Path(changes.get("output", "runs/classifier")))
    if stopped is None:
        options = ClassifierOptions(**changes)
    else:  # torchrun repeats the command that began the run, whose options are the stored ones
        options = _stored_options(stopped, changes if resume is not None else {})
    settings, rates = options.sections()
    check_batch(settings, world)
    place = Place.of(settings, world)
    task = _make_task(options, settings, place, stopped)
    return open_run(task, settings, rates, place, name=Path(options.data).resolve().name, stopped=stopped)


def _stored_options(stopped: Stopped, changes: ClassifierChanges) -> ClassifierOptions:
    """The options of a stopped run, with what may be changed. Raises UserError."""
    fixed = [name for name in changes if name not in _MAY_CHANGE]
    if fixed:
        raise UserError(
            f"{stopped.last}: goes on with its own {', '.join(fixed)}; only {', '.join(_MAY_CHANGE)} can change"
        )
    values = stopped.content["experiment"].get("classifier")
    if not isinstance(values, dict) or set(values) != {each.name for each in fields(ClassifierOptions)}:
        raise UserError(f"{stopped.last}: holds no classifier's training that can be resumed")
    return replace(ClassifierOptions(**values), **changes)


@dataclass(frozen=True)
class Accuracy(Scores):
    """Shares of the validation images whose class is the likeliest (``best``), or among the TOP likeliest."""

    top5: float


class ClassificationTask(Task[LabelledImages]):
    """The task of a classifier's options. ``network`` is prepared to be trained."""

    row_kind = ClassificationRow

    def __init__(
        self,
        options: ClassifierOptions,
        network: nn.Module,
        training_data: ClassFolders,
        validation_data: ClassFolders,
        place: Place,
    ) -> None:
        self.network, self.training_data, self.validation_data = network, training_data, validation_data
        self.experiment = {"classifier": asdict(options)}
        self.meaning = ModelMeaning(training_data.names, Preprocessing(size=(options.side, options.side)))
        self.objective = ClassificationObjective()
        settings = EpochSettings(
            batch_size=options.batch_size,
            seed=options.seed,
            size=(options.side, options.side),
            rank=place.world.rank,
            world=place.world.size,
        )
        self.loader = classification_training_loader(training_data, settings=settings, workers=options.workers)
        self._judge = classification_evaluation_loader(
            validation_data, side=options.side, batch_size=options.batch_size, workers=options.workers
        )

    def describe(self) -> list[str]:
        counts = f"{len(self.training_data)} training and {counted(len(self.validation_data), 'validation image')}"
        return [f"{counts} of {counted(len(self.training_data.names), 'class')}"]

    def judge(self, network: nn.Module, place: Place, check: Callable[[], None]) -> Accuracy:
        # Every process measures all images: they are few, and a classifier is trained on one machine.
        hits = torch.zeros(2)
        with evaluation_mode(network), torch.no_grad():
            for batch in self._judge:
                with mixed_precision(place.device, place.precision):
                    logits = network(place.images(batch.images)).float().cpu()
                ranked = logits.topk(min(TOP, logits.shape[1])).indices == batch.labels[:, None]
                hits += torch.stack((ranked[:, 0].sum(), ranked.any(dim=1).sum()))
                if place.world.size == 1:
                    check()
        top1, top5 = (hits / max(1, len(self.validation_data))).tolist()
        return Accuracy(top1, top5)

    def row(self, end: EpochEnd) -> ClassificationRow:
        (cross_entropy,) = end.losses
        scores = end.scores if isinstance(end.scores, Accuracy) else None
        return ClassificationRow(
            epoch=end.epoch,
            cross_entropy=cross_entropy,
            top1=scores.best if scores else None,
            top5=scores.top5 if scores else None,
            learning_rate=end.learning_rate,
            skipped_steps=end.skipped,
        )

    def numbers(self, row: EpochRow) -> str:
        assert isinstance(row, ClassificationRow)
        scores = "" if row.top1 is None else f"  top-1 {row.top1:.3f}  top-{TOP} {row.top5:.3f}"
        return f"loss {row.cross_entropy:.3f}{scores}"

    def largest_batch(self, count: int, size: Size) -> LabelledImages:
        """Grey images."""
        images = torch.full((count, 3, *size), 128, dtype=torch.uint8)
        return LabelledImages(images, torch.zeros(count, dtype=torch.int64), self.training_data.paths[:1] * count)


def _make_task(
    options: ClassifierOptions, settings: TrainSection, place: Place, stopped: Stopped | None
) -> ClassificationTask:
    training_data = read_class_folders(Path(options.data) / "train")
    validation_data = read_class_folders(Path(options.data) / "val", names=training_data.names)
    if stopped is not None:
        check_classes(stopped, training_data.names, options.data)
        check_images(stopped, len(training_data), options.data)
    torch.manual_seed(options.seed)
    network: nn.Module
    if stopped is not None:
        network = model_from_content(stopped.content, stopped.last).network.train()
    else:
        network = Darknet53Classifier(num_classes=len(training_data.names), width=options.width)
    return ClassificationTask(options, prepare_network(network, settings, place), training_data, validation_data, place)
