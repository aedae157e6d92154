"""A run: a task, how it is trained, where, and how far it is; built anew or as a checkpoint left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
from yolov3.processes.launch import is_first_process
from yolov3.processes.restart import remember_run, run_to_resume
from yolov3.processes.run_lock import RunLock
from yolov3.training.averaging import WeightAverage
from yolov3.training.optimiser import learning_rate_factor, make_optimiser
from yolov3.training.place import Place
from yolov3.training.state import Progress, TrainingState
from yolov3.training.task import Task
from yolov3.watching.words import counted

BatchKind = TypeVar("BatchKind")


@dataclass(frozen=True)
class Stopped:
    """A run that was stopped: its last checkpoint, what is in it, and the lock that keeps others from going on with it."""

    last: Path
    content: dict[str, Any]
    lock: RunLock = field(default_factory=RunLock)

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
    """All that a run works with. ``best`` and ``last`` are the checkpoints it writes; ``stopped`` is what it goes on from;
    ``lock`` keeps others out of its folder."""

    task: Task[BatchKind]
    settings: TrainSection
    rates: OptimiserSection
    state: TrainingState
    place: Place
    folder: Path
    stopped: Stopped | None = None
    lock: RunLock = field(default_factory=RunLock)

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
    again. Raises UserError when it cannot be gone on with, or when another process does so."""
    resume = resume or run_to_resume(output)
    if resume is None:
        return None
    last = resume / "weights" / "last.pt" if resume.is_dir() else resume
    lock = RunLock.of(last.absolute().parent.parent) if is_first_process() else RunLock()
    content = read_checkpoint(last)  # by now nobody writes it any more
    if not content["experiment"]:
        raise UserError(f"{last}: holds no experiment to resume")
    return Stopped(last, content, lock)


def check_classes(stopped: Stopped, names: Sequence[str], source: str) -> None:
    """Raise UserError when the classes of the data of ``source`` are not those that a stopped run has learned."""
    before: Sequence[str] = stopped.content["names"]
    if list(names) == list(before):
        return
    known, given = set(before), set(names)
    gone, new = [name for name in before if name not in given], [name for name in names if name not in known]
    parts = [f"without {', '.join(gone)}"] if gone else []
    parts += [f"with {', '.join(new)} more"] if new else []
    if not parts:
        at = next(number for number, pair in enumerate(zip(before, names)) if pair[0] != pair[1])
        parts = [f"in another order: class {at} is {names[at]} and was {before[at]}"]
    raise UserError(
        f"{source}: the classes are not those of {stopped.last}, but {' and '.join(parts)}; the weights mean the classes it "
        f"was trained with. A new run with train.weights={stopped.last} starts from them"
    )


def check_images(stopped: Stopped, count: int, source: str) -> None:
    """Raise UserError when there are not as many images as a stopped run drew its order from."""
    training = stopped.content.get("training")
    before = training.get("progress", {}).get("images", 0) if isinstance(training, dict) else 0
    if before and count != before:
        raise UserError(
            f"{source}: {counted(count, 'training image')}, but {stopped.last} was trained with {before}; a run goes on with "
            f"the data it began with. A new run with train.weights={stopped.last} starts from its weights"
        )


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
    network: nn.Module,
    settings: TrainSection,
    rates: OptimiserSection,
    place: Place,
    *,
    num_terms: int,
    images: int = 0,
) -> TrainingState:
    """The live objects of a run at its beginning, whose loss has so many terms, on so many training images."""
    return TrainingState(
        network=network,
        optimiser=make_optimiser(network, rates),
        average=WeightAverage(network, settings.ema) if settings.ema else None,
        scaler=torch.amp.GradScaler(place.device.type, enabled=place.precision == torch.float16),
        progress=Progress(loss_sums=[0.0] * num_terms, images=images),
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
    images = task.loader.num_samples
    state = make_state(task.network, settings, rates, place, num_terms=num_terms, images=images)
    if stopped is not None:
        state.restore(stopped.content, stopped.last, task.row_kind)
        folder, lock = stopped.folder, stopped.lock
        if place.world.is_first and task.experiment != stopped.content["experiment"]:
            _write_settings(task, folder)
    else:
        own = _make_folder(task, settings, name) if place.world.is_first else None
        folder = place.world.from_first(own)
        lock = RunLock.of(folder) if place.world.is_first else RunLock()
    return Run(task, settings, rates, state, place, folder, stopped, lock)


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
