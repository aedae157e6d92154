"""One update of the weights: forward, loss, backward, and what is done when a number is not finite."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from yolov3.config import Experiment
from yolov3.device import mixed_precision
from yolov3.engine.batch_parts import split_batch
from yolov3.engine.distributed import World
from yolov3.engine.state import TrainingState
from yolov3.loss import LossTerms, assign, count_positives, detection_loss
from yolov3.structures import Batch, Level, Targets

TERM_NAMES = ("box", "objectness", "classes")


@dataclass(frozen=True)
class StepOutcome:
    """``losses`` (3,): box, objectness and classes of the whole batch; ``fault`` says what was not finite, if anything;
    then no weight was changed."""

    losses: Tensor
    fault: str | None = None


@dataclass(frozen=True)
class Computing:
    """With what a step is computed: ``forward``, the network as it is called (perhaps compiled, perhaps one of several
    processes'), device, precision, and the processes."""

    forward: Callable[[Tensor], tuple[Tensor, ...]]
    device: torch.device
    precision: torch.dtype
    world: World = field(default_factory=World)

    def without_exchange(self) -> AbstractContextManager[object]:
        """While it is entered gradients are kept for the next part instead of being exchanged."""
        return self.forward.no_sync() if isinstance(self.forward, DistributedDataParallel) else nullcontext()


def training_step(
    state: TrainingState,
    batch: Batch,
    experiment: Experiment,
    *,
    how: Computing,
    parts: int,
) -> StepOutcome:
    """Compute a batch, in ``parts`` parts, and update weights and average, unless a number is not finite in any process.

    When memory does not suffice the network is as it was before, and the error goes on.
    """
    statistics = [buffer.clone() for buffer in state.network.buffers()]
    try:
        outcome = _compute(state, batch, experiment, how, parts)
    except RuntimeError:
        state.optimiser.zero_grad()
        _restore_statistics(state, statistics)
        raise
    if outcome.fault:
        state.optimiser.zero_grad()
        _restore_statistics(state, statistics)
    return outcome


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is one of memory, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)


def _compute(
    state: TrainingState,
    batch: Batch,
    experiment: Experiment,
    how: Computing,
    parts: int,
) -> StepOutcome:
    device, world = how.device, how.world
    images = batch.normalised_images(device)
    if experiment.train.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    targets = batch.targets.to(device)
    positives = None
    if experiment.loss.normaliser == "positives" and (parts > 1 or world.size > 1):
        positives = world.mean(_count_positives(state, images, targets, experiment))
    losses = torch.zeros(3, device=device)
    split = list(split_batch(images, targets, parts))
    for number, (part_images, part_targets) in enumerate(split, start=1):
        with mixed_precision(device, how.precision):
            raw = how.forward(part_images)
        terms = detection_loss(
            raw,
            _levels(state),
            part_targets,
            experiment.loss,
            network_size=(images.shape[2], images.shape[3]),
            images_per_step=len(images),
            positives_per_step=positives,
        )
        fault = _loss_fault(terms)
        # All processes skip a step together: one that went on alone would wait for the others' gradients for ever.
        (anywhere,) = world.largest(float(fault is not None))
        if anywhere:
            return StepOutcome(terms.detached(), fault or "the loss of another process is not finite")
        with nullcontext() if number == len(split) else how.without_exchange():
            state.scaler.scale(terms.total).backward()
        losses += terms.detached()
    return _update(state, world.mean(losses), experiment)


def _update(state: TrainingState, losses: Tensor, experiment: Experiment) -> StepOutcome:
    """Apply the gradient that lies in the network."""
    scaler, optimiser = state.scaler, state.optimiser
    scaler.unscale_(optimiser)
    limit = experiment.optimiser.gradient_clip or float("inf")
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), limit)
    finite = bool(norm.isfinite())
    if finite:
        scaler.step(optimiser)
    scaler.update()
    optimiser.zero_grad()
    if not finite:
        # Under float16 an overflow is the scaler's way to find its scale, not a fault.
        return StepOutcome(losses, None if scaler.is_enabled() else "the gradient is not finite")
    if state.average:
        state.average.update(state.network)
    return StepOutcome(losses)


def _restore_statistics(state: TrainingState, statistics: list[Tensor]) -> None:
    """Undo what the forward pass of a skipped step did to batch norm's running statistics: one NaN would stay in them
    for ever."""
    for buffer, before in zip(state.network.buffers(), statistics):
        buffer.copy_(before)


def _levels(state: TrainingState) -> tuple[Level, ...]:
    return state.network.levels  # type: ignore[return-value]  # the contract of our networks


def _count_positives(state: TrainingState, images: Tensor, targets: Targets, experiment: Experiment) -> Tensor:
    """The divisor of the whole batch, which its parts cannot know."""
    levels = _levels(state)
    grids = [(images.shape[2] // level.stride, images.shape[3] // level.stride) for level in levels]
    num_classes: int = state.network.num_classes  # type: ignore[assignment]  # the contract of our networks
    return count_positives(assign(targets, levels, grids, num_classes, experiment.loss))


def _loss_fault(terms: LossTerms) -> str | None:
    if bool(terms.total.isfinite()):
        return None
    values = terms.detached().tolist()
    named = [f"{name} = {value}" for name, value in zip(TERM_NAMES, values) if not abs(value) < float("inf")]
    return f"the loss is not finite: {', '.join(named) or 'only the sum of its terms'}"
