"""One update of the weights: forward, loss, backward, and what is done when a number is not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from yolov3.config import Experiment
from yolov3.device import mixed_precision
from yolov3.engine.batch_parts import split_batch
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


def training_step(
    state: TrainingState,
    batch: Batch,
    experiment: Experiment,
    *,
    device: torch.device,
    precision: torch.dtype,
) -> StepOutcome:
    """Compute a batch, in ``train.accumulate`` parts, and update weights and average, unless a number is not finite."""
    images = batch.normalised_images(device)
    if experiment.train.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    targets = batch.targets.to(device)
    positives = _count_positives(state, images, targets, experiment)
    statistics = [buffer.clone() for buffer in state.network.buffers()]
    losses = torch.zeros(3, device=device)
    for part_images, part_targets in split_batch(images, targets, experiment.train.accumulate):
        with mixed_precision(device, precision):
            raw = state.network(part_images)
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
        if fault:
            state.optimiser.zero_grad()
            _restore_statistics(state, statistics)
            return StepOutcome(terms.detached(), fault)
        state.scaler.scale(terms.total).backward()
        losses += terms.detached()
    outcome = _update(state, losses, experiment)
    if outcome.fault:
        _restore_statistics(state, statistics)
    return outcome


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
    network: Any = getattr(state.network, "module", state.network)
    return network.levels


def _count_positives(state: TrainingState, images: Tensor, targets: Targets, experiment: Experiment) -> Tensor | None:
    """The divisor of the whole batch, where its parts could not know it."""
    if experiment.train.accumulate == 1 or experiment.loss.normaliser != "positives":
        return None
    levels = _levels(state)
    grids = [(images.shape[2] // level.stride, images.shape[3] // level.stride) for level in levels]
    network: Any = getattr(state.network, "module", state.network)
    num_classes: int = network.num_classes
    return count_positives(assign(targets, levels, grids, num_classes, experiment.loss))


def _loss_fault(terms: LossTerms) -> str | None:
    if bool(terms.total.isfinite()):
        return None
    values = terms.detached().tolist()
    named = [f"{name} = {value}" for name, value in zip(TERM_NAMES, values) if not abs(value) < float("inf")]
    return f"the loss is not finite: {', '.join(named) or 'only the sum of its terms'}"
