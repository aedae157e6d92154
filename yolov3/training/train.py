"""Training a detector, from an experiment to its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolov3.catalogue.naming import beside_model
from yolov3.config.experiment import Experiment, TrainSection
from yolov3.config.loading import build_experiment, merge
from yolov3.errors import UserError
from yolov3.processes.world import World, join_world
from yolov3.structures import Batch
from yolov3.training.detection import detection_task
from yolov3.training.loop import TrainResult, run_training
from yolov3.training.place import Place
from yolov3.training.run import Run, Stopped, find_stopped, open_run
from yolov3.watching.words import counted

MAY_CHANGE = ("train.epochs", "train.patience")
"""What of a run may be another when it goes on; its epochs may only become more."""


def train(
    experiment: Experiment,
    *,
    name: str = "train",
    resume: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Train as ``experiment`` says, in a new folder ``train.output``/``name``, or go on with the run of ``resume`` (its
    ``last.pt`` or its folder), whose own experiment then counts, but for ``changes`` (by sections, as in a YAML) to what
    MAY_CHANGE. More epochs move the end of the run: the learning rate and all else that is counted to the end then go on
    as in a run that had so many from the beginning.

    Raises UserError for what the user can mend and :class:`yolov3.processes.interruption.Interrupted` after Ctrl-C or
    SIGTERM, when all is saved.
    """
    with join_world() as world:
        resumed = Path(resume) if resume else None
        return run_training(start_run(experiment, name=name, resume=resumed, world=world, changes=changes))


def start_run(
    experiment: Experiment,
    *,
    name: str,
    resume: Path | None,
    world: World,
    changes: Mapping[str, Any] | None = None,
) -> Run[Batch]:
    """Build a run, in a new folder or as ``resume`` left it. Nothing is written before all input is checked."""
    stopped = find_stopped(resume, Path(experiment.train.output))
    if stopped is not None:
        # torchrun repeats the command that began the run, whose words are no changes.
        experiment = _own_experiment(stopped, changes or {} if resume is not None else {})
    check_batch(experiment.train, world)
    place = Place.of(experiment.train, world)
    task = detection_task(experiment, place, stopped)
    return open_run(task, experiment.train, experiment.optimiser, place, name=name, stopped=stopped)


def _own_experiment(stopped: Stopped, changes: Mapping[str, Any]) -> Experiment:
    """The experiment of a stopped run, with what may be changed. Raises UserError naming what may not."""
    own = build_experiment(stopped.content["experiment"], str(stopped.last))
    own = own.model_copy(update={"data": beside_model(own.data, stopped.last)})
    changed = build_experiment(merge(own.as_plain(), dict(changes)), "command line")
    before, now = _by_name(own), _by_name(changed)
    fixed = [name for name in now if now[name] != before.get(name) and name not in MAY_CHANGE]
    if fixed:
        raise UserError(
            f"{stopped.last}: goes on with its own {', '.join(fixed)}; only {' and '.join(MAY_CHANGE)} can change"
        )
    if changed.train.epochs < own.train.epochs:
        raise UserError(
            f"{stopped.last}: has train.epochs={own.train.epochs}, which can only grow, found {changed.train.epochs}"
        )
    return changed


def _by_name(experiment: Experiment) -> dict[str, Any]:
    """Settings by their whole names."""
    values = experiment.as_plain()
    sections = {name: value if isinstance(value, dict) else {"": value} for name, value in values.items()}
    return {f"{name}.{key}".rstrip("."): value for name, keys in sections.items() for key, value in keys.items()}


def check_batch(settings: TrainSection, world: World) -> None:
    """Raise UserError when a batch cannot be divided among the processes."""
    parts = world.size * settings.accumulate
    if settings.batch_size % parts:
        raise UserError(
            f"train.batch_size (={settings.batch_size}) must be divisible by train.accumulate times the "
            f"{counted(world.size, 'process')} (={parts})"
        )
