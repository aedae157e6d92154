"""From an experiment to the live objects of a run: data, network, optimiser, folder; anew or resumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch import nn

from yolov3.config import Experiment, ModelSection, TrainSection, build_experiment
from yolov3.datasets import Dataset, TrainingLoader, open_dataset
from yolov3.datasets.picture_cache import PictureCache
from yolov3.device import select_device, select_precision
from yolov3.engine.averaging import WeightAverage
from yolov3.engine.distributed import World
from yolov3.engine.optimiser import make_optimiser
from yolov3.engine.restart import remember_run, run_to_resume
from yolov3.engine.state import Progress, TrainingState
from yolov3.errors import UserError
from yolov3.formats.atomic import write_text_atomically
from yolov3.formats.checkpoint import build_network, describe_in_words, describe_network, read_checkpoint
from yolov3.formats.class_transfer import TransferReport, start_from_darknet, transfer_weights
from yolov3.formats.darknet_classes import detector_from_cfg
from yolov3.models import YOLOv3
from yolov3.run_folder import make_run_folder
from yolov3.structures import Level


@dataclass(frozen=True)
class Run:
    """All that a run works with. ``best`` and ``last`` are the checkpoints it writes."""

    experiment: Experiment
    training_data: Dataset
    validation_data: Dataset
    loader: TrainingLoader
    state: TrainingState
    device: torch.device
    precision: torch.dtype
    folder: Path
    world: World
    start: TransferReport | None = None  # what was taken from other weights

    @property
    def best(self) -> Path:
        return self.folder / "weights" / "best.pt"

    @property
    def last(self) -> Path:
        return self.folder / "weights" / "last.pt"

    @property
    def levels(self) -> tuple[Level, ...]:
        """The detection scales of the network."""
        return self.state.network.levels  # type: ignore[return-value]  # the contract of our networks

    @property
    def description(self) -> str:
        """One line: which network."""
        return describe_in_words(describe_network(self.state.network), self.experiment.model.preprocessing)


def start_run(experiment: Experiment, *, name: str, resume: Path | None, world: World) -> Run:
    """Build a run, in a new folder or as ``resume`` left it. Nothing is written before all input is checked."""
    checkpoint = None
    resume = resume or run_to_resume(Path(experiment.train.output))
    if resume is not None:
        last = _checkpoint_of(resume)
        checkpoint = read_checkpoint(last)
        if not checkpoint["experiment"]:
            raise UserError(f"{last}: holds no experiment to resume")
        experiment = build_experiment(checkpoint["experiment"], str(last))
    settings = experiment.train
    _check_world(experiment, world)
    device = select_device(world.device_text(settings.device))
    precision = select_precision(settings.precision, device)
    training_data = open_dataset(experiment.data, "train")
    validation_data = open_dataset(experiment.data, "val")
    _check_data(training_data, validation_data)
    torch.manual_seed(settings.seed)
    start = None
    if checkpoint is not None:
        network = build_network(checkpoint["model"])
    else:
        network = build_detector(experiment.model, num_classes=len(training_data.names))
        if settings.weights:
            start = start_from(network, Path(settings.weights), training_data.names)
    _set_norm_momentum(network, settings.norm_momentum)
    network = network.to(device)
    if settings.sync_norm:
        network = world.synchronise_norms(network, device)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)
    state = TrainingState(
        network=network,
        optimiser=make_optimiser(network, experiment.optimiser),
        average=WeightAverage(network, settings.ema) if settings.ema else None,
        scaler=torch.amp.GradScaler(device.type, enabled=precision == torch.float16),
        progress=Progress(),
    )
    loader = TrainingLoader(
        training_data,
        augment=experiment.augment,
        preprocessing=experiment.model.preprocessing,
        batch_size=settings.batch_size,
        workers=settings.workers,
        seed=settings.seed,
        multi_scale=settings.multi_scale,
        multi_scale_every=settings.multi_scale_every,
        balance=settings.balance,
        cache=_open_cache(training_data, settings, world),
        rank=world.rank,
        world=world.size,
    )
    if checkpoint is not None:
        state.restore(checkpoint, last)
        folder = last.parent.parent
    else:
        folder = world.from_first(_make_folder(experiment, name) if world.is_first else None)
    return Run(experiment, training_data, validation_data, loader, state, device, precision, folder, world, start)


def _open_cache(dataset: Dataset, settings: TrainSection, world: World) -> PictureCache | None:
    if settings.cache == "none":
        return None
    folder = Path(settings.output) / "cache" if settings.cache == "disk" else None
    return PictureCache(dataset, folder=folder, processes=world.local_size)


def _make_folder(experiment: Experiment, name: str) -> Path:
    """The new folder of a run, with its settings in it."""
    settings = experiment.train
    folder = make_run_folder(Path(settings.output), settings.name or name)
    (folder / "weights").mkdir()
    write_text_atomically(folder / "config.yaml", yaml.safe_dump(experiment.as_plain(), sort_keys=False))
    remember_run(Path(settings.output), folder)
    return folder


def _check_world(experiment: Experiment, world: World) -> None:
    parts = world.size * experiment.train.accumulate
    if experiment.train.batch_size % parts:
        raise UserError(
            f"train.batch_size (={experiment.train.batch_size}) must be divisible by train.accumulate times the "
            f"{world.size} processes (={parts})"
        )


def build_detector(model: ModelSection, *, num_classes: int) -> nn.Module:
    """The network that the settings describe, with fresh weights. Raises UserError."""
    if model.cfg is not None:
        return detector_from_cfg(model.cfg, num_classes=num_classes)
    try:
        return YOLOv3(
            num_classes=num_classes,
            variant=model.variant,
            width=model.width,
            anchors=model.anchors,
            xy_scale=model.xy_scale,
        )
    except ValueError as error:
        raise UserError(f"model: {error}") from error


def _set_norm_momentum(network: nn.Module, momentum: float) -> None:
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = momentum


def start_from(network: nn.Module, path: Path, names: tuple[str, ...]) -> TransferReport:
    """Take from another model all that fits: a checkpoint's layers, a classifier's backbone, Darknet's ``.weights`` or
    cut files; class rows go by name. Raises UserError when too little fits."""
    if path.suffix.lower() == ".pt":
        content = read_checkpoint(path)
        return transfer_weights(
            network, content["weights"], names=names, source_names=content["names"], source=str(path)
        )
    return start_from_darknet(network, path, names=names)  # type: ignore[arg-type]  # ours are such networks


def _checkpoint_of(resume: Path) -> Path:
    return resume / "weights" / "last.pt" if resume.is_dir() else resume


def _check_data(training_data: Dataset, validation_data: Dataset) -> None:
    if not training_data.samples:
        raise UserError(f"{training_data.source}: no images to train on")
    if training_data.names != validation_data.names:
        raise UserError(
            f"the classes of the training data ({', '.join(training_data.names)}) and of the validation data "
            f"({', '.join(validation_data.names)}) differ"
        )
