"""Training a detector, from an experiment to its weights."""

from __future__ import annotations

from pathlib import Path

from yolov3.catalogue.naming import beside_model
from yolov3.config.experiment import Experiment, TrainSection
from yolov3.config.loading import build_experiment
from yolov3.errors import UserError
from yolov3.processes.world import World, join_world
from yolov3.structures import Batch
from yolov3.training.detection import detection_task
from yolov3.training.loop import TrainResult, run_training
from yolov3.training.place import Place
from yolov3.training.run import Run, find_stopped, open_run


def train(experiment: Experiment, *, name: str = "train", resume: str | Path | None = None) -> TrainResult:
    """Train as ``experiment`` says, in a new folder ``train.output``/``name``, or go on with the run of ``resume`` (its
    ``last.pt`` or its folder), whose own experiment then counts.

    Raises UserError for what the user can mend and :class:`yolov3.processes.interruption.Interrupted` after Ctrl-C or
    SIGTERM, when all is saved.
    """
    with join_world() as world:
        return run_training(start_run(experiment, name=name, resume=Path(resume) if resume else None, world=world))


def start_run(experiment: Experiment, *, name: str, resume: Path | None, world: World) -> Run[Batch]:
    """Build a run, in a new folder or as ``resume`` left it. Nothing is written before all input is checked."""
    stopped = find_stopped(resume, Path(experiment.train.output))
    if stopped is not None:
        experiment = build_experiment(stopped.content["experiment"], str(stopped.last))
        experiment = experiment.model_copy(update={"data": beside_model(experiment.data, stopped.last)})
    check_batch(experiment.train, world)
    place = Place.of(experiment.train, world)
    task = detection_task(experiment, place, stopped)
    return open_run(task, experiment.train, experiment.optimiser, place, name=name, stopped=stopped)


def check_batch(settings: TrainSection, world: World) -> None:
    """Raise UserError when a batch cannot be divided among the processes."""
    parts = world.size * settings.accumulate
    if settings.batch_size % parts:
        raise UserError(
            f"train.batch_size (={settings.batch_size}) must be divisible by train.accumulate times the "
            f"{world.size} processes (={parts})"
        )
