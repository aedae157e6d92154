"""How fast an experiment's network learns and answers on this machine, without images and loaders.

Everything is measured in turn in the same minutes, so that a machine that becomes slower for a while slows all alike;
medians count. The batch is random noise with as many boxes per image as photographs of blood cells have.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from yolov3.config.experiment import Experiment
from yolov3.errors import UserError
from yolov3.formats.build import Start, build_detector, settle
from yolov3.formats.description import describe_in_words, describe_network
from yolov3.machine.device import mixed_precision
from yolov3.models.cost import count_operations
from yolov3.processes.world import World
from yolov3.runtimes.torch_runtime import evaluation_mode
from yolov3.structures import Batch, Sample, Size, Targets
from yolov3.training.objective import DetectionObjective
from yolov3.training.optimiser import set_learning_rate
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.step import Computing, training_step
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

BOXES = 14  # per image
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

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "speeds": [asdict(speed) for speed in self.speeds]}


def benchmark(
    experiment: Experiment, *, num_classes: int = 80, rounds: int = 5, watcher: Watcher | None = None
) -> Benchmark:
    """Speeds of: the network's forward pass; forward and backward of the bare network; the whole training step, with
    loss, clipping, optimiser and average. Raises UserError as building a run does."""
    if rounds < 1 or num_classes < 1:
        raise UserError(f"rounds and classes must be at least 1, found {rounds} and {num_classes}")
    settings = experiment.train
    place = Place.of(settings, World())
    model, _ = settle(experiment.model, Start())
    torch.manual_seed(settings.seed)
    network = build_detector(model, num_classes=num_classes)
    state = make_state(place.network(network).train(), settings, experiment.optimiser, place, num_terms=3)
    called: nn.Module = torch.compile(network) if settings.compile else network  # type: ignore[assignment]
    objective = DetectionObjective(network, experiment.loss)
    how = Computing(called, objective, place, gradient_clip=experiment.optimiser.gradient_clip)
    set_learning_rate(state.optimiser, 0.0)  # numbers that run away would be no measurement
    size = model.preprocessing.size
    batch = random_batch(settings.batch_size, size, num_classes)

    def forward() -> None:
        with evaluation_mode(network), torch.no_grad():
            _call(called, place, batch)

    def bare() -> None:
        torch.stack([maps.float().mean() for maps in _call(called, place, batch)]).sum().backward()
        network.zero_grad()

    def step() -> None:
        training_step(state, batch, how=how, parts=settings.accumulate)

    work = {"network forward": forward, PASSES: bare, STEP: step}
    seconds = _measure(work, rounds, place.device, watcher or Watcher())
    once = float(count_operations(network, size)) * len(batch)
    operations = dict(zip(work, (once, once * (1 + BACKWARD_SHARE), once * (1 + BACKWARD_SHARE))))
    words = describe_in_words(describe_network(network), model.preprocessing)
    return Benchmark(
        f"{words} on {place}, torch {torch.__version__}, {counted(torch.get_num_threads(), 'thread')}",
        tuple(Speed(name, statistics.median(seconds[name]), len(batch), operations[name]) for name in work),
        statistics.median(whole / bare for whole, bare in zip(seconds[STEP], seconds[PASSES])),
    )


def random_batch(count: int, size: Size, num_classes: int) -> Batch:
    """So many images of noise of a size, with BOXES boxes each."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
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
    sample = Sample(Path("random"), size, np.zeros((0, 4)), nothing, nothing, nothing, 0)
    images = torch.randint(256, (count, height, width, 3), generator=generator, dtype=torch.uint8)
    return Batch(images.permute(0, 3, 1, 2), targets, (sample,) * count)


def _call(network: nn.Module, place: Place, batch: Batch) -> tuple[Tensor, ...]:
    with mixed_precision(place.device, place.precision):
        raw: tuple[Tensor, ...] = network(place.images(batch.images))
    return raw


def _measure(
    work: dict[str, Callable[[], None]], rounds: int, device: torch.device, watcher: Watcher
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
        watcher.advance(number, rounds)
    return seconds
