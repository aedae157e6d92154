"""What is done when memory does not hold a batch: it is computed in twice as many parts from then on.

Batch, learning rate and (up to batch norm's statistics) result stay the same, and all processes do it together. So that
it happens at the start and not after hours, a GPU is tried with the largest input of the run first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from yolov3.batches.plan import largest_size
from yolov3.errors import UserError
from yolov3.structures import Size
from yolov3.training.run import Run
from yolov3.training.step import Computing, OutOfMemory, compute_gradient, forget

Result = TypeVar("Result")


def within_memory(run: Run[Any], size: Size, attempt: Callable[[int], Result], warn: Callable[[str], None]) -> Result:
    """``attempt(parts)``, in more and more parts until memory suffices. ``size`` is the input's, for the message.

    Raises UserError when memory does not hold a single image.
    """
    settings, progress, place = run.settings, run.state.progress, run.place
    while True:
        parts = progress.parts * settings.accumulate
        try:
            return attempt(parts)
        except OutOfMemory as error:
            if parts * place.world.size >= settings.batch_size:
                height, width = size
                raise UserError(
                    f"{place.device} has not enough memory for one image of {height}x{width}; a smaller "
                    "model.image_size, train.multi_scale or model.width needs less"
                ) from error
        progress.parts *= 2
        warn(f"step {progress.step + 1}: out of memory; from now on a batch is computed in {2 * parts} parts")
        if place.device.type == "cuda":
            torch.cuda.empty_cache()


def try_largest_input(run: Run[Any], how: Computing, warn: Callable[[str], None]) -> None:
    """Compute a gradient of the largest input with as many objects as an image can have, and forget it: neither the
    weights nor the random numbers notice. Raises UserError as :func:`within_memory`."""
    size = largest_size(run.task.meaning.preprocessing.size, run.settings.multi_scale)
    batch = run.task.largest_batch(run.settings.batch_size // run.place.world.size, size)
    statistics = [buffer.clone() for buffer in run.state.network.buffers()]
    # What the optimiser will hold from its first step on takes its place here too.
    held = [] if run.state.optimiser.state else [torch.empty_like(p) for p in run.state.network.parameters()]

    def attempt(parts: int) -> None:
        try:
            compute_gradient(run.state, batch, how=how, parts=parts, exchange=False)
        finally:
            forget(run.state, statistics)

    with torch.random.fork_rng([run.place.device] if run.place.device.type == "cuda" else []):
        within_memory(run, size, attempt, warn)
    del held
