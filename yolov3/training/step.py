"""One update of the weights: forward, loss, backward, and what is done when a number is not finite or memory is short.

Several processes vote before each backward pass, because one that left the way alone would be waited for by the others.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yolov3.errors import UserError
from yolov3.machine.device import mixed_precision
from yolov3.training.objective import Objective, Part, Terms
from yolov3.training.place import Place
from yolov3.training.state import TrainingState


@dataclass(frozen=True)
class StepOutcome:
    """``losses`` (T,): the terms of the whole batch; ``fault`` says what was not finite, if anything; then no weight was
    changed."""

    losses: Tensor
    fault: str | None = None


class Computing:
    """With what a step is computed: ``network`` (perhaps compiled), the objective, the place, and the largest norm of a
    gradient (0: any). ``forward`` is the network as all processes call it together."""

    def __init__(
        self, network: nn.Module, objective: Objective[Any], place: Place, *, gradient_clip: float = 0.0
    ) -> None:
        self.network, self.objective, self.place = network, objective, place
        self.gradient_clip = gradient_clip
        self.forward = place.world.parallel(network, place.device)

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
            self.forward = self.place.world.parallel(self.network, self.place.device)


class OutOfMemory(Exception):
    """Some process has not enough memory for this step, and all of them know."""


def training_step(state: TrainingState, batch: Any, *, how: Computing, parts: int) -> StepOutcome:
    """Compute a batch, in ``parts`` parts, and update weights and average, unless a number is not finite in any process.

    When memory does not suffice in any of them the network is as it was before, and :class:`OutOfMemory` is raised.
    """
    statistics = [buffer.clone() for buffer in state.network.buffers()]
    try:
        outcome = compute_gradient(state, batch, how=how, parts=parts)
        if outcome.fault is None:
            outcome = _update(state, outcome.losses, how)
    except OutOfMemory:
        forget(state, statistics)
        how.renew()
        raise
    except RuntimeError as error:
        forget(state, statistics)
        if is_out_of_memory(error) and how.place.world.size == 1:  # outside the passes, as when the batch is moved
            raise OutOfMemory from error
        raise
    if outcome.fault:
        forget(state, statistics)
    return outcome


def compute_gradient(
    state: TrainingState, batch: Any, *, how: Computing, parts: int, exchange: bool = True
) -> StepOutcome:
    """Leave the gradient of a batch in the network; ``exchange`` False keeps each process's own.

    Raises OutOfMemory, and UserError when memory ends in the midst of an exchange, from which there is no way back.
    """
    world = how.place.world
    divided = how.objective.divide(batch, how.place.images(batch.images), parts=parts, world=world)
    losses = torch.zeros(len(how.objective.term_names), device=how.place.device)
    memory = _Memory()
    for number, part in enumerate(divided, start=1):
        with how.exchange(exchange and number == len(divided)):
            terms = None
            if not memory.is_short:
                with memory.watched():
                    terms = _loss_of(part, how)
            fault = _loss_fault(terms, how.objective.term_names) if terms else None
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


def _loss_of(part: Part, how: Computing) -> Terms:
    """The terms of one part of a batch."""
    with mixed_precision(how.place.device, how.place.precision):
        outputs = how.forward(part.images)
    return part.loss(outputs)


def _update(state: TrainingState, losses: Tensor, how: Computing) -> StepOutcome:
    """Apply the gradient that lies in the network."""
    scaler, optimiser = state.scaler, state.optimiser
    scaler.unscale_(optimiser)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), how.gradient_clip or float("inf"))
    finite = bool(norm.isfinite())
    if finite:
        scaler.step(optimiser)
    scaler.update()
    optimiser.zero_grad()
    if not finite:
        # Under float16 an overflow is the scaler's way to find its scale, not a fault.
        return StepOutcome(losses, None if scaler.is_enabled() else "the gradient is not finite")
    how.place.world.share_statistics(state.network)
    if state.average:
        state.average.update(state.network)
    return StepOutcome(losses)


def _loss_fault(terms: Terms, names: tuple[str, ...]) -> str | None:
    if bool(terms.total.isfinite()):
        return None
    values = terms.detached().tolist()
    named = [f"{name} = {value}" for name, value in zip(names, values) if not abs(value) < float("inf")]
    return f"the loss is not finite: {', '.join(named) or 'only the sum of its terms'}"
