"""A run: a task, how it is trained, where, and how far it is; built anew or as a checkpoint left it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import nn

from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.run_folder import make_run_folder
from yolov3.files.strict_yaml import write_yaml
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.formats.description import describe_in_words, describe_network
from yolov3.processes.restart import remember_run, run_to_resume
from yolov3.training.averaging import WeightAverage
from yolov3.training.optimiser import learning_rate_factor, make_optimiser
from yolov3.training.place import Place
from yolov3.training.state import Progress, TrainingState
from yolov3.training.task import Task
from yolov3.watching.words import counted

BatchKind = TypeVar("BatchKind")


@dataclass(frozen=True)
class Stopped:
    """A run that was stopped: its last checkpoint, and what is in it."""

    last: Path
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.last.parent.parent

    @property
    def epochs(self) -> int:
        """How many the run had then."""
        experiment = self.content["experiment"]
        return int((experiment.get("classifier") or experiment["train"])["epochs"])


@dataclass(frozen=True)
class Run(Generic[BatchKind]):
    """All that a run works with. ``best`` and ``last`` are the checkpoints it writes; ``stopped`` is what it goes on from."""

    task: Task[BatchKind]
    settings: TrainSection
    rates: OptimiserSection
    state: TrainingState
    place: Place
    folder: Path
    stopped: Stopped | None = None

    @property
    def best(self) -> Path:
        return self.folder / "weights" / "best.pt"

    @property
    def last(self) -> Path:
        return self.folder / "weights" / "last.pt"

    @property
    def description(self) -> str:
        """One line: which network, where, into which folder."""
        words = describe_in_words(describe_network(self.state.network), self.task.meaning.preprocessing)
        sides = self.settings.multi_scale
        scales = f" (trained with sides of {sides[0]} to {sides[1]})" if sides else ""
        return f"{words}{scales} on {self.place}, writing to {self.folder}"

    @property
    def ended_by(self) -> Literal["epochs", "patience"] | None:
        """The setting by which there is nothing left to do, if so."""
        progress, settings = self.state.progress, self.settings
        if progress.epoch >= settings.epochs:
            return "epochs"
        return "patience" if 0 < settings.patience <= progress.evaluations_without_gain else None

    def resumption(self) -> list[str]:
        """For a run that goes on: from where, or that it is finished; and what more epochs make of its learning rate."""
        if self.stopped is None:
            return []
        progress, epochs, per_epoch = self.state.progress, self.settings.epochs, len(self.task.loader)
        if self.ended_by == "epochs":
            return [f"{self.folder} is finished: epoch {progress.epoch} was its last"]
        if self.ended_by == "patience":
            return [f"{self.folder} is finished: {self.impatience}"]
        at = f"epoch {progress.epoch + 1}/{epochs}, batch {progress.batch + 1}/{per_epoch}"
        lines = [f"going on from {self.stopped.last} at {at}, after {counted(progress.step, 'step')}"]
        if epochs != self.stopped.epochs:
            before, now = (
                self.rates.learning_rate * self.learning_rate_factor(total, self.steps_done - 1 + later)
                for later, total in enumerate((self.stopped.epochs, epochs))
            )
            lines.append(
                f"{counted(epochs, 'epoch')} instead of {self.stopped.epochs}: the schedule ({self.rates.schedule}) and all "
                f"else that depends on the end of the run reckon with {epochs} from here on, so that the learning rate goes "
                f"on with {now:.3g} after {before:.3g}"
            )
        return lines

    @property
    def impatience(self) -> str:
        """Why a run ended before its last epoch."""
        progress, settings = self.state.progress, self.settings
        evaluations = counted(progress.evaluations_without_gain, "evaluation")
        return (
            f"it ended after epoch {progress.epoch}/{settings.epochs}, with {evaluations} without gain in a row "
            f"(train.patience={settings.patience})"
        )

    def learning_rate_factor(self, epochs: int, step: int) -> float:
        """What the learning rate is multiplied by in the step number ``step`` (from 0) of a run of so many epochs."""
        per_epoch = len(self.task.loader)
        return learning_rate_factor(
            step,
            total_steps=epochs * per_epoch,
            warmup_steps=round(self.rates.warmup_epochs * per_epoch),
            settings=self.rates,
        )

    @property
    def steps_done(self) -> int:
        """The batches that were gone through."""
        return self.state.progress.epoch * len(self.task.loader) + self.state.progress.batch


def find_stopped(resume: Path | None, output: Path) -> Stopped | None:
    """The run to go on with: the one of ``resume`` (its folder or its last checkpoint), or one that torchrun starts
    again. Raises UserError when it cannot be gone on with."""
    resume = resume or run_to_resume(output)
    if resume is None:
        return None
    last = resume / "weights" / "last.pt" if resume.is_dir() else resume
    content = read_checkpoint(last)
    if not content["experiment"]:
        raise UserError(f"{last}: holds no experiment to resume")
    return Stopped(last, content)


def prepare_network(network: nn.Module, settings: TrainSection, place: Place) -> nn.Module:
    """A network as it is trained there."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = settings.norm_momentum
    network = network.to(place.device)
    if settings.sync_norm:
        network = place.world.synchronise_norms(network, place.device)
    return place.network(network)


def make_state(
    network: nn.Module, settings: TrainSection, rates: OptimiserSection, place: Place, *, num_terms: int
) -> TrainingState:
    """The live objects of a run at its beginning, whose loss has so many terms."""
    return TrainingState(
        network=network,
        optimiser=make_optimiser(network, rates),
        average=WeightAverage(network, settings.ema) if settings.ema else None,
        scaler=torch.amp.GradScaler(place.device.type, enabled=place.precision == torch.float16),
        progress=Progress(loss_sums=[0.0] * num_terms),
    )


def open_run(
    task: Task[BatchKind],
    settings: TrainSection,
    rates: OptimiserSection,
    place: Place,
    *,
    name: str,
    stopped: Stopped | None,
) -> Run[BatchKind]:
    """The run of a task whose network is prepared: in a new folder, or in that of the run it goes on with."""
    num_terms = len(task.objective.term_names)
    state = make_state(task.network, settings, rates, place, num_terms=num_terms)
    if stopped is not None:
        state.restore(stopped.content, stopped.last, task.row_kind)
        folder = stopped.folder
        if place.world.is_first and task.experiment != stopped.content["experiment"]:
            _write_settings(task, folder)
    else:
        own = _make_folder(task, settings, name) if place.world.is_first else None
        folder = place.world.from_first(own)
    return Run(task, settings, rates, state, place, folder, stopped)


def _make_folder(task: Task[Any], settings: TrainSection, name: str) -> Path:
    """The new folder of a run, with its settings in it."""
    folder = make_run_folder(Path(settings.output), settings.name or name)
    (folder / "weights").mkdir()
    task.record(folder)
    _write_settings(task, folder)
    remember_run(Path(settings.output), folder)
    return folder


def _write_settings(task: Task[Any], folder: Path) -> None:
    write_text_atomically(folder / "config.yaml", write_yaml(task.experiment))
