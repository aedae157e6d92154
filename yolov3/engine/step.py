"""One update of the weights: forward, loss, backward, and what is done when a number is not finite or memory is short.

Several processes vote before each backward pass, because one that left the way alone would be waited for by the others.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yolov3.config import Experiment
from yolov3.device import mixed_precision
from yolov3.engine.batch_parts import split_batch
from yolov3.engine.distributed import World
from yolov3.engine.state import TrainingState
from yolov3.errors import UserError
from yolov3.loss import LossTerms, assign, count_positives, detection_loss
from yolov3.structures import Batch, Level, Targets

TERM_NAMES = ("box", "objectness", "classes")


@dataclass(frozen=True)
class StepOutcome:
    """``losses`` (3,): box, objectness and classes of the whole batch; ``fault`` says what was not finite, if anything;
    then no weight was changed."""

    losses: Tensor
    fault: str | None = None


class Computing:
    """With what a step is computed: ``network`` (perhaps compiled), device, precision, and the processes. ``forward`` is
    the network as all processes call it together."""

    def __init__(
        self, network: nn.Module, device: torch.device, precision: torch.dtype, world: World | None = None
    ) -> None:
        self.network, self.device, self.precision = network, device, precision
        self.world = world or World()
        self.forward = self.world.parallel(network, device)

    def exchange(self, now: bool) -> AbstractContextManager[object]:
        """Around a forward and its backward pass: whether gradients are exchanged in it, or kept for the next one."""
        if now or not isinstance(self.forward, DistributedDataParallel):
            return nullcontext()
        return self.forward.no_sync()

    def renew(self) -> None:
        """Forget a forward pass that no backward pass followed; else the next one would exchange out of turn."""
        if isinstance(self.forward, DistributedDataParallel):
            self.forward = self.network
            gc.collect()  # the old one listens to the network's gradients as long as it lives
            self.forward = self.world.parallel(self.network, self.device)


class OutOfMemory(Exception):
    """Some process has not enough memory for this step, and all of them know."""


def training_step(
    state: TrainingState,
    batch: Batch,
    experiment: Experiment,
    *,
    how: Computing,
    parts: int,
) -> StepOutcome:
    """Compute a batch, in ``parts`` parts, and update weights and average, unless a number is not finite in any process.

    When memory does not suffice in any of them the network is as it was before, and :class:`OutOfMemory` is raised.
    """
    statistics = [buffer.clone() for buffer in state.network.buffers()]
    try:
        outcome = compute_gradient(state, batch, experiment, how=how, parts=parts)
        if outcome.fault is None:
            outcome = _update(state, outcome.losses, experiment, how.world)
    except OutOfMemory:
        forget(state, statistics)
        how.renew()
        raise
    except RuntimeError as error:
        forget(state, statistics)
        if is_out_of_memory(error) and how.world.size == 1:  # outside the passes, as when the batch is moved
            raise OutOfMemory from error
        raise
    if outcome.fault:
        forget(state, statistics)
    return outcome


def compute_gradient(
    state: TrainingState, batch: Batch, experiment: Experiment, *, how: Computing, parts: int, exchange: bool = True
) -> StepOutcome:
    """Leave the gradient of a batch in the network; ``exchange`` False keeps each process's own.

    Raises OutOfMemory, and UserError when memory ends in the midst of an exchange, from which there is no way back.
    """
    world = how.world
    images = batch.normalised_images(how.device)
    if experiment.train.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    targets = batch.targets.to(how.device)
    positives = None
    if experiment.loss.normaliser == "positives" and (parts > 1 or world.size > 1):
        positives = world.mean(_count_positives(state, images, targets, experiment))
    losses = torch.zeros(3, device=how.device)
    memory = _Memory()
    split = list(split_batch(images, targets, parts))
    for number, part in enumerate(split, start=1):
        with how.exchange(exchange and number == len(split)):
            terms = None
            if not memory.is_short:
                with memory.watched():
                    terms = _loss_of(part, state, experiment, how, len(images), positives)
            fault = _loss_fault(terms) if terms else None
            short, not_finite = world.largest(float(terms is None), float(fault is not None))
            if short or terms is None:
                raise OutOfMemory
            if not_finite:
                return StepOutcome(terms.detached(), fault or "the loss of another process is not finite")
            losses += terms.detached()
            with memory.watched():
                state.scaler.scale(terms.total).backward()
    if memory.is_short and exchange and world.size > 1:
        raise UserError(
            f"rank {world.rank}: memory ran out while the processes exchanged their gradients; a larger "
            "train.accumulate or a smaller train.multi_scale needs less. --resume goes on from the last checkpoint"
        )
    (short,) = world.largest(float(memory.is_short))
    if short:
        raise OutOfMemory
    return StepOutcome(world.mean(losses))


def forget(state: TrainingState, statistics: list[Tensor]) -> None:
    """Undo what the passes of a step did: gradients, and batch norm's running statistics, in which one NaN would stay
    for ever. ``statistics`` are the network's buffers from before."""
    state.optimiser.zero_grad()
    for buffer, before in zip(state.network.buffers(), statistics):
        buffer.copy_(before)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is one of memory, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)


class _Memory:
    """Remembers that memory did not suffice, instead of leaving by an exception."""

    is_short = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self.is_short = True


def _loss_of(
    part: tuple[Tensor, Targets],
    state: TrainingState,
    experiment: Experiment,
    how: Computing,
    images_per_step: int,
    positives_per_step: Tensor | None,
) -> LossTerms:
    """The terms of one part of a batch, as its share of the whole."""
    images, targets = part
    with mixed_precision(how.device, how.precision):
        raw = how.forward(images)
    return detection_loss(
        raw,
        _levels(state),
        targets,
        experiment.loss,
        network_size=(images.shape[2], images.shape[3]),
        images_per_step=images_per_step,
        positives_per_step=positives_per_step,
    )


def _update(state: TrainingState, losses: Tensor, experiment: Experiment, world: World) -> StepOutcome:
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
    world.share_statistics(state.network)
    if state.average:
        state.average.update(state.network)
    return StepOutcome(losses)


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
