"""What is done when memory does not hold a batch: it is computed in twice as many parts from then on.

Batch, learning rate and (up to batch norm's statistics) result stay the same, and all processes do it together. So that
it happens at the start and not after hours, a GPU is tried with the largest input of the run first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from yolov3.datasets import Dataset
from yolov3.datasets.batch_plan import largest_size
from yolov3.engine.setup import Run
from yolov3.engine.step import Computing, OutOfMemory, compute_gradient, forget
from yolov3.errors import UserError
from yolov3.structures import Batch, Size, Targets

Result = TypeVar("Result")
MOSAIC_PICTURES = 4


def within_memory(run: Run, size: Size, attempt: Callable[[int], Result], say: Callable[[str], None]) -> Result:
    """``attempt(parts)``, in more and more parts until memory suffices. ``size`` is the input's, for the message.

    Raises UserError when memory does not hold a single picture.
    """
    settings, progress = run.experiment.train, run.state.progress
    while True:
        parts = progress.parts * settings.accumulate
        try:
            return attempt(parts)
        except OutOfMemory as error:
            if parts * run.world.size >= settings.batch_size:
                height, width = size
                raise UserError(
                    f"{run.device} has not enough memory for one image of {height}x{width}; a smaller "
                    "model.image_size, train.multi_scale or model.width needs less"
                ) from error
        progress.parts *= 2
        say(f"step {progress.step + 1}: out of memory; from now on a batch is computed in {2 * parts} parts")
        if run.device.type == "cuda":
            torch.cuda.empty_cache()


def try_largest_input(run: Run, how: Computing, say: Callable[[str], None]) -> None:
    """Compute a gradient of the largest input with as many objects as a picture can have, and forget it: neither the
    weights nor the random numbers notice. Raises UserError as :func:`within_memory`."""
    size = largest_size(run.experiment.model.preprocessing.size, run.experiment.train.multi_scale)
    batch = _largest_batch(run, size)
    statistics = [buffer.clone() for buffer in run.state.network.buffers()]
    # What the optimiser will hold from its first step on takes its place here too.
    held = [] if run.state.optimiser.state else [torch.empty_like(p) for p in run.state.network.parameters()]

    def attempt(parts: int) -> None:
        try:
            compute_gradient(run.state, batch, run.experiment, how=how, parts=parts, exchange=False)
        finally:
            forget(run.state, statistics)

    with torch.random.fork_rng([run.device] if run.device.type == "cuda" else []):
        within_memory(run, size, attempt, say)
    del held


def _largest_batch(run: Run, size: Size) -> Batch:
    """Grey pictures full of boxes, as many as one process gets."""
    count = run.experiment.train.batch_size // run.world.size
    boxes_each = most_boxes(run.training_data) * (MOSAIC_PICTURES if run.experiment.augment.mosaic else 1)
    total = count * boxes_each
    height, width = size
    targets = Targets(
        torch.tensor([[0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]]).repeat(total, 1),
        torch.zeros(total, dtype=torch.int64),
        torch.arange(count).repeat_interleave(boxes_each),
        torch.zeros(total, dtype=torch.bool),
        torch.ones(total),
    )
    return Batch(
        torch.full((count, 3, height, width), 128, dtype=torch.uint8), targets, run.training_data.samples[:1] * count
    )


def most_boxes(dataset: Dataset) -> int:
    """The largest number of boxes in one picture."""
    return max(len(sample.boxes) for sample in dataset.samples)
