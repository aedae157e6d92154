"""How fast an experiment's network learns and answers on this machine, without pictures and loaders.

Everything is measured in turn in the same minutes, so that a machine that becomes slower for a while slows all alike;
medians count. The batch is random noise with as many boxes per picture as photographs of blood cells have.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from yolov3.config import Experiment
from yolov3.device import mixed_precision, select_device, select_precision
from yolov3.engine.averaging import WeightAverage
from yolov3.engine.evaluate import evaluation_mode
from yolov3.engine.optimiser import make_optimiser, set_learning_rate
from yolov3.engine.setup import build_detector
from yolov3.engine.state import Progress, TrainingState
from yolov3.engine.step import Computing, training_step
from yolov3.formats.checkpoint import describe_in_words, describe_network
from yolov3.models.cost import count_operations
from yolov3.structures import Batch, Sample, Targets

BOXES = 14  # per picture
PASSES, STEP = "network forward and backward", "training step"
BACKWARD_SHARE = 2  # operations of a backward pass, in forward passes: gradients of the inputs and of the weights


@dataclass(frozen=True)
class Speed:
    """One line of the table: seconds for one batch (median), images in it, and floating point operations."""

    name: str
    seconds: float
    images: int
    operations: float


@dataclass(frozen=True)
class Benchmark:
    """What was measured: ``description`` says of what; ``overhead`` is the training step's time in bare passes (the
    median over the rounds of their ratio)."""

    description: str
    speeds: tuple[Speed, ...]
    overhead: float


def benchmark(experiment: Experiment, *, num_classes: int, rounds: int, say: Callable[[str], None]) -> Benchmark:
    """Speeds of: the network's forward pass; forward and backward of the bare network; the whole training step, with
    loss, clipping, optimiser and average. ``say`` is told after each round. Raises UserError as building a run does."""
    device = select_device(experiment.train.device)
    precision = select_precision(experiment.train.precision, device)
    torch.manual_seed(experiment.train.seed)
    network = build_detector(experiment.model, num_classes=num_classes).to(device).train()
    if experiment.train.channels_last:
        network = network.to(memory_format=torch.channels_last)
    called: nn.Module = torch.compile(network) if experiment.train.compile else network  # type: ignore[assignment]
    how = Computing(called, device, precision)
    state = TrainingState(
        network=network,
        optimiser=make_optimiser(network, experiment.optimiser),
        average=WeightAverage(network, experiment.train.ema) if experiment.train.ema else None,
        scaler=torch.amp.GradScaler(device.type, enabled=precision == torch.float16),
        progress=Progress(),
    )
    set_learning_rate(state.optimiser, 0.0)  # numbers that run away would be no measurement
    batch = _random_batch(experiment, num_classes)

    def inputs() -> torch.Tensor:
        images = batch.normalised_images(device)
        return images.contiguous(memory_format=torch.channels_last) if experiment.train.channels_last else images

    def forward() -> None:
        with evaluation_mode(network), torch.no_grad(), mixed_precision(device, precision):
            called(inputs())

    def bare() -> None:
        with mixed_precision(device, precision):
            maps = called(inputs())
        sum(m.float().mean() for m in maps).backward()
        network.zero_grad()

    def step() -> None:
        training_step(state, batch, experiment, how=how, parts=experiment.train.accumulate)

    work = {"network forward": forward, PASSES: bare, STEP: step}
    seconds = _measure(work, rounds, device, say)
    once = float(count_operations(network, experiment.model.preprocessing.size)) * len(batch)
    operations = dict(zip(work, (once, once * (1 + BACKWARD_SHARE), once * (1 + BACKWARD_SHARE))))
    described = describe_in_words(describe_network(network), experiment.model.preprocessing)
    return Benchmark(
        f"{described} on {device} in {str(precision).removeprefix('torch.')}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads",
        tuple(Speed(name, statistics.median(seconds[name]), len(batch), operations[name]) for name in work),
        statistics.median(whole / bare for whole, bare in zip(seconds[STEP], seconds[PASSES])),
    )


def _measure(
    work: dict[str, Callable[[], None]], rounds: int, device: torch.device, say: Callable[[str], None]
) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round; a round before them is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                seconds[name].append(time.perf_counter() - start)
        say(f"round {number} of {rounds}")
    return seconds


def _random_batch(experiment: Experiment, num_classes: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    count = experiment.train.batch_size
    height, width = experiment.model.preprocessing.size
    sides = torch.tensor([width, height], dtype=torch.float32)
    centres = torch.rand(count * BOXES, 2, generator=generator) * sides
    halves = (torch.rand(count * BOXES, 2, generator=generator) * 0.1 + 0.02) * sides
    low, high = (centres - halves).clamp(min=0), torch.minimum(centres + halves, sides)
    targets = Targets(
        torch.cat((low, high), dim=1),
        torch.randint(num_classes, (count * BOXES,), generator=generator),
        torch.arange(count).repeat_interleave(BOXES),
        torch.zeros(count * BOXES, dtype=torch.bool),
        torch.ones(count * BOXES),
    )
    nothing = np.zeros(0)
    sample = Sample(Path("random"), (height, width), np.zeros((0, 4)), nothing, nothing, nothing, 0)
    images = torch.randint(256, (count, height, width, 3), generator=generator, dtype=torch.uint8)
    return Batch(images.permute(0, 3, 1, 2), targets, (sample,) * count)
