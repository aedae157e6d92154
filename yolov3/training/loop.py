"""The training loop, top to bottom: epoch, step, evaluate, save. The same for everything that is learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from yolov3.errors import UserError
from yolov3.files.unwritable import require_room
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.journal.curves import draw_curves
from yolov3.journal.display import Stopwatch, TrainingDisplay
from yolov3.journal.recorder import Recorder
from yolov3.journal.rows import EpochRow, TimingRow
from yolov3.processes.interruption import Interrupted, Interruption
from yolov3.training.memory import try_largest_input, within_memory
from yolov3.training.optimiser import set_learning_rate
from yolov3.training.run import Run
from yolov3.training.step import Computing, training_step
from yolov3.training.task import EpochEnd, Scores


@dataclass(frozen=True)
class TrainResult:
    """Where a run wrote: its ``folder``, the ``best`` and ``last`` checkpoints; ``best_score`` is the best score seen (a
    detector's AP, a classifier's top-1 accuracy), ``history`` a row per epoch. ``was_ended_by`` is the setting by which
    there was nothing left to do for a run that was to go on."""

    folder: Path
    best: Path
    last: Path
    best_score: float
    history: tuple[EpochRow, ...]
    was_ended_by: Literal["epochs", "patience"] | None = None


def run_training(run: Run[Any]) -> TrainResult:
    """Epoch after epoch until the end, or until somebody asks to stop.

    Raises UserError for what the user can mend and Interrupted after Ctrl-C, SIGTERM or SIGHUP, when all is saved.
    """
    with run.lock:
        return _run_training(run)


def _run_training(run: Run[Any]) -> TrainResult:
    progress, epochs = run.state.progress, run.settings.epochs
    ended_by = run.ended_by
    recorder = Recorder(run.folder) if run.place.world.is_first and ended_by is None else None
    with (
        Interruption() as interruption,
        TrainingDisplay(
            total_batches=epochs * len(run.task.loader),
            done=progress.epoch * len(run.task.loader) + progress.batch,
            epochs=epochs,
            quiet=not run.place.world.is_first,
        ) as display,
    ):
        told = (*run.task.describe(), run.description, *run.task.notes(), *run.resumption())
        for line in told:
            if line is not None:
                display.say(line)
        if ended_by is not None:
            return _result(run, ended_by)
        _require_room(run)
        if run.place.device.type == "cuda":
            try_largest_input(run, _computing(run), display.warn)
        try:
            scores = None
            while run.ended_by is None:
                scores = _train_epoch(run, recorder, display, interruption) or scores
            if run.ended_by == "patience":
                display.say(run.impatience)
            table = run.task.table(scores) if scores is not None else None
            if table is not None:
                display.show(table)
            if progress.epoch % run.settings.checkpoint_epochs:
                _save_last(run)
        finally:
            if recorder is not None:
                recorder.close()
                draw_curves(run.folder / "curves.png", progress.history)
    if interruption.received:  # after the last place where anybody asked; all is done and saved
        raise Interrupted(interruption.received, run.folder)
    return _result(run, None)


def _result(run: Run[Any], was_ended_by: Literal["epochs", "patience"] | None) -> TrainResult:
    progress = run.state.progress
    return TrainResult(run.folder, run.best, run.last, progress.best_score, tuple(progress.history), was_ended_by)


def _train_epoch(
    run: Run[Any], recorder: Recorder | None, display: TrainingDisplay, interruption: Interruption
) -> Scores | None:
    """One epoch from where it stands to its evaluation, its row and its checkpoint; the scores where it is due."""
    progress, settings = run.state.progress, run.settings
    watch = Stopwatch()
    _freeze_backbone(run, frozen=progress.epoch < settings.freeze_backbone)
    how = _computing(run)
    due = (progress.epoch + 1) % settings.evaluate_every == 0 or progress.epoch + 1 == settings.epochs
    batches = run.task.loader.epoch(progress.epoch, start=progress.batch, total_epochs=settings.epochs)
    for number, batch in enumerate(_saved_when_they_end(run, batches)):
        watch.data_arrived(len(batch))
        if recorder is not None and number == 0 and (due or progress.epoch == 0):
            _show(recorder, "training_batch", run.task.batch_sheet(batch), progress.epoch + 1)
        _train_batch(run, batch, how, display)
        if settings.checkpoint_steps and progress.step % settings.checkpoint_steps == 0:
            _save_last(run)
        watch.step_done()
        display.batch_done(progress.epoch, sum(progress.mean_losses()), watch)
        _stop_if_asked(run, interruption)
    scores = None
    if due:
        scores = run.task.judge(run.state.judged, run.place, lambda: _stop_if_asked(run, interruption))
    row = _close_epoch(run, scores)
    if recorder is not None:
        timing = TimingRow(row.epoch, watch.images_per_second, watch.wait_share, watch.seconds)
        recorder.record(progress.history, timing)
        if scores is not None:
            _show(recorder, "predictions", run.task.score_sheet(scores), row.epoch)
            recorder.classes(run.task.class_scores(scores), row.epoch)
    display.epoch_done(row.epoch, run.task.numbers(row), watch)
    if progress.epoch % settings.checkpoint_epochs == 0:
        _save_last(run)
    return scores


def _saved_when_they_end(run: Run[Any], batches: Iterator[Any]) -> Iterator[Any]:
    """The batches. When there is none after all, for a reason the user can mend, what was learned so far is saved."""
    try:
        yield from batches
    except UserError:
        if run.state.progress.step:
            _save_last(run)
        raise


def _train_batch(run: Run[Any], batch: Any, how: Computing, display: TrainingDisplay) -> None:
    """Learn from one batch and count it; a step with a number that is not finite is skipped, named and counted."""
    progress = run.state.progress
    factor = run.learning_rate_factor(run.settings.epochs, run.steps_done)
    set_learning_rate(run.state.optimiser, run.rates.learning_rate * factor)
    outcome = within_memory(
        run, batch.size, lambda parts: training_step(run.state, batch, how=how, parts=parts), display.warn
    )
    progress.batch += 1
    progress.step += 1
    if outcome.fault is None:
        progress.skipped_in_a_row = 0
        progress.add_losses(outcome.losses.tolist())
        return
    progress.skipped += 1
    progress.skipped_in_a_row += 1
    names = ", ".join(path.name for path in batch.paths)
    display.warn(f"step {progress.step} skipped: {outcome.fault}; images: {names}")
    limit = run.settings.nonfinite_limit
    if progress.skipped_in_a_row >= limit:
        raise UserError(
            f"training stopped after {limit} steps in a row without finite numbers: {outcome.fault}; images of the "
            f"last one: {names}. {run.last} is from before. A smaller optimiser.learning_rate or a longer "
            "optimiser.warmup_epochs often helps"
        )


def _close_epoch(run: Run[Any], scores: Scores | None) -> EpochRow:
    """Write the epoch's row into the history, keep the best weights, move on to the next epoch."""
    progress = run.state.progress
    rate = float(run.state.optimiser.param_groups[0]["lr"])
    row = run.task.row(EpochEnd(progress.epoch + 1, progress.mean_losses(), scores, rate, progress.skipped))
    progress.history.append(row)
    if scores is not None:
        progress.evaluations_without_gain += 1
        if scores.best > progress.best_score:
            progress.best_score, progress.best_epoch, progress.evaluations_without_gain = scores.best, progress.epoch, 0
            _save(run, run.best, resumable=False)
    progress.next_epoch()
    return row


def _require_room(run: Run[Any]) -> None:
    """Raise UserError where the disk has no room for the checkpoints of a new run, before hours are spent on it."""
    if not run.place.world.is_first or run.stopped is not None:
        return
    weights = sum(tensor.nbytes for tensor in run.state.network.state_dict().values())
    state = 2 + (run.state.average is not None)  # the network, its momentum, its average
    # last.pt, the one before it, and the next while it is written; best.pt and its next hold the weights alone.
    require_room(run.folder, (3 * state + 2) * weights)


def _show(recorder: Recorder, name: str, sheet: Any, epoch: int) -> None:
    if sheet is not None:
        recorder.image(name, sheet, epoch)


def _computing(run: Run[Any]) -> Computing:
    """The network as it is called in an epoch. Made anew for each: what is frozen decides what is exchanged."""
    network = run.state.network
    if run.settings.compile:
        network = torch.compile(network)  # type: ignore[assignment]  # a module comes back as a module
    return Computing(network, run.task.objective, run.place, gradient_clip=run.rates.gradient_clip)


def _save_last(run: Run[Any]) -> None:
    _save(run, run.last, resumable=True)


def _save(run: Run[Any], path: Path, *, resumable: bool) -> None:
    """The averaged weights, and for ``last.pt`` all that a resumed run needs."""
    if not run.place.world.is_first:
        return
    average = run.state.average
    save_checkpoint(
        path,
        run.state.network,
        meaning=run.task.meaning,
        weights=average.network.state_dict() if average else None,
        experiment=run.task.experiment,
        training=run.state.as_plain() if resumable else None,
        keep_previous=resumable,
    )


def _stop_if_asked(run: Run[Any], interruption: Interruption) -> None:
    """Save and stop when any of the processes was asked to."""
    (received,) = run.place.world.largest(float(interruption.received or 0))
    if received:
        _save_last(run)
        raise Interrupted(int(received), run.folder)


def _freeze_backbone(run: Run[Any], *, frozen: bool) -> None:
    """Hold the backbone's weights and batch norm statistics still, or let them move again."""
    run.state.network.train()
    backbone = run.task.backbone
    if backbone is None:
        return
    backbone.train(not frozen)
    for parameter in backbone.parameters():
        parameter.requires_grad_(not frozen)
