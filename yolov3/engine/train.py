"""Training, top to bottom: build, loop, step, evaluate, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from yolov3.config import Experiment
from yolov3.engine.curves import draw_curves
from yolov3.engine.display import Stopwatch, TrainingDisplay, describe_run
from yolov3.engine.distributed import join_world
from yolov3.engine.evaluate import Evaluation
from yolov3.engine.interruption import Interrupted, Interruption
from yolov3.engine.memory import try_largest_input, within_memory
from yolov3.engine.optimiser import learning_rate_factor, set_learning_rate
from yolov3.engine.recorder import Recorder
from yolov3.engine.report import class_table
from yolov3.engine.setup import Run, start_run
from yolov3.engine.sheets import batch_sheet, prediction_sheet
from yolov3.engine.step import Computing, training_step
from yolov3.engine.validation import Scores, validate
from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.structures import Batch


@dataclass(frozen=True)
class TrainResult:
    """Where a run wrote: its ``folder``, the ``best`` and ``last`` checkpoints; ``best_score`` is the best AP seen."""

    folder: Path
    best: Path
    last: Path
    best_score: float


def train(experiment: Experiment, *, name: str = "train", resume: Path | None = None) -> TrainResult:
    """Train as ``experiment`` says, in a new folder ``train.output``/``name``, or go on with the run of ``resume`` (its
    ``last.pt`` or its folder), whose own experiment then counts.

    Raises UserError for what the user can mend and :class:`Interrupted` after Ctrl-C or SIGTERM, when all is saved.
    """
    with join_world() as world:
        return _train(start_run(experiment, name=name, resume=resume, world=world))


def _train(run: Run) -> TrainResult:
    """Epoch after epoch until the end, or until somebody asks to stop."""
    recorder = Recorder(run.folder) if run.world.is_first else None
    progress, epochs = run.state.progress, run.experiment.train.epochs
    total = epochs * len(run.loader)
    with (
        Interruption() as interruption,
        TrainingDisplay(
            total_batches=total,
            done=progress.epoch * len(run.loader) + progress.batch,
            epochs=epochs,
            quiet=not run.world.is_first,
        ) as display,
    ):
        for line in describe_run(run):
            display.say(line)
        if run.device.type == "cuda":
            try_largest_input(run, _computing(run), display.say)
        try:
            measured = None
            while progress.epoch < epochs and not _has_stalled(run):
                measured = _train_epoch(run, recorder, display, interruption) or measured
            if measured is not None:
                display.show(class_table(measured))
            if progress.epoch % run.experiment.train.checkpoint_epochs:
                _save_last(run)
        finally:
            if recorder is not None:
                recorder.close()
                draw_curves(run.folder / "curves.png", progress.history)
    return TrainResult(run.folder, run.best, run.last, progress.best_score)


def _train_epoch(
    run: Run, recorder: Recorder | None, display: TrainingDisplay, interruption: Interruption
) -> Evaluation | None:
    """One epoch from where it stands to its evaluation, which is returned, its row and its checkpoint."""
    progress, settings = run.state.progress, run.experiment.train
    watch = Stopwatch()
    _freeze_backbone(run, frozen=progress.epoch < settings.freeze_backbone)
    how = _computing(run)
    due = (progress.epoch + 1) % settings.evaluate_every == 0 or progress.epoch + 1 == settings.epochs
    batches = run.loader.epoch(progress.epoch, start=progress.batch, total_epochs=settings.epochs)
    for number, batch in enumerate(batches):
        watch.data_arrived(len(batch))
        if recorder is not None and number == 0 and (due or progress.epoch == 0):
            recorder.picture("training_batch", batch_sheet(batch, run.training_data.names), progress.epoch + 1)
        _train_batch(run, batch, how, display)
        if settings.checkpoint_steps and progress.step % settings.checkpoint_steps == 0:
            _save_last(run)
        watch.step_done()
        display.batch_done(progress.epoch, sum(progress.loss_sums) / max(1, progress.loss_count), watch)
        _stop_if_asked(run, interruption)
    scores = validate(run, lambda: _stop_if_asked(run, interruption)) if due else None
    row = _close_epoch(run, scores)
    if recorder is not None:
        timing = {
            "epoch": float(progress.epoch),
            "images_per_second": watch.images_per_second,
            "data_wait_share": watch.wait_share,
            "seconds": watch.seconds,
        }
        recorder.record(progress.history, timing)
        if scores and scores.evaluation:
            sheet = prediction_sheet(run.validation_data, scores.evaluation.detections)
            recorder.picture("predictions", sheet, progress.epoch)
            recorder.classes(scores.evaluation.per_class, progress.epoch)
    display.epoch_done(row, watch)
    if progress.epoch % settings.checkpoint_epochs == 0:
        _save_last(run)
    return scores.evaluation if scores else None


def _train_batch(run: Run, batch: Batch, how: Computing, display: TrainingDisplay) -> None:
    """Learn from one batch and count it; a step with a number that is not finite is skipped, named and counted."""
    progress, settings = run.state.progress, run.experiment.optimiser
    per_epoch = len(run.loader)
    factor = learning_rate_factor(
        progress.epoch * per_epoch + progress.batch,
        total_steps=run.experiment.train.epochs * per_epoch,
        warmup_steps=round(settings.warmup_epochs * per_epoch),
        settings=settings,
    )
    set_learning_rate(run.state.optimiser, settings.learning_rate * factor)
    outcome = within_memory(
        run,
        (batch.images.shape[2], batch.images.shape[3]),
        lambda parts: training_step(run.state, batch, run.experiment, how=how, parts=parts),
        display.say,
    )
    progress.batch += 1
    progress.step += 1
    if outcome.fault is None:
        progress.skipped_in_a_row = 0
        progress.loss_count += 1
        progress.loss_sums = [a + b for a, b in zip(progress.loss_sums, outcome.losses.tolist())]
        return
    progress.skipped += 1
    progress.skipped_in_a_row += 1
    names = ", ".join(sample.path.name for sample in batch.samples)
    display.say(f"step {progress.step} skipped: {outcome.fault}; images: {names}")
    limit = run.experiment.train.nonfinite_limit
    if progress.skipped_in_a_row >= limit:
        raise UserError(
            f"training stopped after {limit} steps in a row without finite numbers: {outcome.fault}; images of the "
            f"last one: {names}. {run.last} is from before. A smaller optimiser.learning_rate or a longer "
            "optimiser.warmup_epochs often helps"
        )


def _close_epoch(run: Run, scores: Scores | None) -> dict[str, float | int | None]:
    """Write the epoch's row into the history, keep the best weights, move on to the next epoch."""
    progress = run.state.progress
    count = max(1, progress.loss_count)
    box, objectness, classes = (value / count for value in progress.loss_sums)
    row: dict[str, float | int | None] = {
        "epoch": progress.epoch + 1,
        "train/box": box,
        "train/obj": objectness,
        "train/cls": classes,
        "metrics/AP50": scores.ap50 if scores else None,
        "metrics/AP": scores.ap if scores else None,
        "metrics/AP_train": scores.training_ap if scores else None,
        "learning_rate": run.state.optimiser.param_groups[0]["lr"],
        "skipped_steps": progress.skipped,
    }
    progress.history.append(row)
    if scores:
        score = scores.ap or 0.0
        progress.evaluations_without_gain += 1
        if score > progress.best_score:
            progress.best_score, progress.best_epoch, progress.evaluations_without_gain = score, progress.epoch, 0
            _save(run, run.best, resumable=False)
    progress.epoch += 1
    progress.batch = 0
    progress.loss_sums, progress.loss_count = [0.0, 0.0, 0.0], 0
    return row


def _computing(run: Run) -> Computing:
    """The network as it is called in an epoch. Made anew for each: what is frozen decides what is exchanged."""
    network = run.state.network
    if run.experiment.train.compile:
        network = torch.compile(network)  # type: ignore[assignment]  # a module comes back as a module
    return Computing(network, run.device, run.precision, run.world)


def _save_last(run: Run) -> None:
    _save(run, run.last, resumable=True)


def _save(run: Run, path: Path, *, resumable: bool) -> None:
    """The averaged weights, and for ``last.pt`` all that a resumed run needs."""
    if not run.world.is_first:
        return
    average = run.state.average
    save_checkpoint(
        path,
        run.state.network,
        weights=average.network.state_dict() if average else None,
        keep_previous=resumable,
        names=run.training_data.names,
        preprocessing=run.experiment.model.preprocessing,
        experiment=run.experiment.as_plain(),
        training=run.state.as_plain() if resumable else None,
    )


def _stop_if_asked(run: Run, interruption: Interruption) -> None:
    """Save and stop when any of the processes was asked to."""
    (received,) = run.world.largest(float(interruption.received or 0))
    if received:
        _save_last(run)
        raise Interrupted(int(received), run.folder)


def _has_stalled(run: Run) -> bool:
    patience = run.experiment.train.patience
    return bool(patience) and run.state.progress.evaluations_without_gain >= patience


def _freeze_backbone(run: Run, *, frozen: bool) -> None:
    """Hold the backbone's weights and batch norm statistics still, or let them move again."""
    network = run.state.network.train()
    backbone = getattr(network, "backbone", None)
    if backbone is None:
        return
    backbone.train(not frozen)
    for parameter in backbone.parameters():
        parameter.requires_grad_(not frozen)
