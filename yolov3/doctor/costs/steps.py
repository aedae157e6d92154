"""A few steps of a training, to be counted and forgotten. It runs in a process of its own (measure.py), whose memory is then
that of a training, and whose end is nobody else's."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import torch

from yolov3.batches.image_cache import free_memory
from yolov3.batches.plan import EpochSettings, largest_size, plan_epoch
from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment
from yolov3.doctor.costs.cost import Memory, TrainingCost, drawn_on
from yolov3.errors import UserError
from yolov3.machine.resident import forget_peak, held_memory, peak_memory
from yolov3.processes.world import World
from yolov3.structures import Batch, Size
from yolov3.training.detection import DetectionTask, detection_task
from yolov3.training.optimiser import set_learning_rate
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.step import Computing, OutOfMemory, training_step

LONGEST_STEP = 40.0
"""Seconds; a step that would take longer is not done, but reckoned from one with two images."""

ENOUGH_SECONDS, MOST_BATCHES, FEWEST_BATCHES = 12.0, 30, 2
"""How long real batches are learned from: until so much time, so many batches; at least a few of them."""

Tell = Callable[[int, int, str], None]
"""Is told how many of how many parts of the work are done, and which comes next."""


def main() -> None:
    """Measure what the standard input says, a JSON object; answer in lines of JSON on the standard output: ``progress``, then
    ``cost`` or ``refused``. What the parent does with Ctrl-C is its business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    go_first()
    asked = json.load(sys.stdin)
    answers, sys.stdout = sys.stdout, sys.stderr  # what anybody prints is no answer
    experiment = build_experiment(asked["experiment"], "the experiment")
    try:
        cost = measure_steps(experiment, asked["free"], lambda *progress: _answer(answers, "progress", progress))
    except UserError as error:
        _answer(answers, "refused", str(error))
    else:
        _answer(answers, "cost", cost.as_plain())


def go_first() -> None:
    """Should memory end all the same, this process is to go and no other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _answer(stream: TextIO, kind: str, value: object) -> None:
    print(json.dumps({kind: value}), file=stream, flush=True)


def measure_steps(experiment: Experiment, free: int | None, tell: Tell) -> TrainingCost:
    """What a training of ``experiment`` costs here; ``free`` bytes of memory are taken for granted (None: what there is).

    Nothing is written. Raises UserError where a training would be refused.
    """
    tell(0, 4, "opening the data")
    train = experiment.train.model_copy(update={"cache": "none", "output": ""})
    experiment = experiment.model_copy(update={"train": train})
    place = Place.of(train, World())
    steps = _Steps(experiment, detection_task(experiment, place, None), place)
    size = largest_size(steps.task.meaning.preprocessing.size, train.multi_scale)
    memory, seconds_of_two = steps.memory_at(size, free, tell)
    tell(3, 4, "a few batches of the data")
    pixels = size[0] * size[1]
    per_pixel, with_reading = seconds_of_two / (2 * pixels), False
    if seconds_of_two / 2 * train.batch_size <= LONGEST_STEP and memory.suffices:
        per_pixel, with_reading = steps.seconds_per_pixel(), True
    images, all_pixels = steps.epoch()
    seconds = per_pixel * all_pixels
    tell(4, 4, "done")
    return TrainingCost(
        str(place),
        size,
        train.batch_size,
        train.accumulate,
        memory,
        images / seconds,
        seconds,
        train.epochs,
        with_reading,
    )


class _Steps:
    """The live objects of a training whose weights stay as they are: its learning rate is 0."""

    def __init__(self, experiment: Experiment, task: DetectionTask, place: Place) -> None:
        self.train, self.task, self.place = experiment.train, task, place
        terms = len(task.objective.term_names)
        self.state = make_state(task.network, experiment.train, experiment.optimiser, place, num_terms=terms)
        self.state.network.train()
        set_learning_rate(self.state.optimiser, 0.0)
        self.how = Computing(task.network, task.objective, place, gradient_clip=experiment.optimiser.gradient_clip)

    def memory_at(self, size: Size, free: int | None, tell: Tell) -> tuple[Memory, float]:
        """What steps of that size take, and the seconds of one with two images. The whole batch is tried only where there is
        room and time for it. Raises UserError where there is no room for one image."""
        count = math.ceil(self.train.batch_size / self.train.accumulate)
        tell(1, 4, "a step with one image, and with two")
        self._step(self.task.largest_batch(1, size), 1)  # the first is slow, and makes what stays
        one, _ = self._watched(1, size)
        two, first = self._watched(2, size)
        # The first step of a shape makes what the others use.
        seconds = first if first > LONGEST_STEP else min(first, self._watched(2, size)[1])
        free = self._free() if free is None else free
        whole = drawn_on(one, two, count)
        memory = Memory(one, two, whole, False, free)
        if memory.suffices and seconds / 2 * count <= LONGEST_STEP:
            tell(2, 4, f"a step with {count}")
            try:
                whole, _ = self._watched(count, size)
                memory = Memory(one, two, whole, True, free)
            except OutOfMemory:
                memory = Memory(one, two, max(whole, free or 0), True, free)
        return memory, seconds

    def seconds_per_pixel(self) -> float:
        """Of real batches, with all that is done for them. The first is not counted: with it the loader's processes start."""
        seconds, pixels, first = 0.0, 0, (0.0, 0)
        start = time.perf_counter()
        for number, batch in enumerate(self.task.loader.epoch(0)):
            self._step(batch, self.train.accumulate)
            now = time.perf_counter()
            height, width = batch.size
            if number == 0:
                first = (now - start, len(batch) * height * width)
            else:
                seconds, pixels = seconds + now - start, pixels + len(batch) * height * width
            start = now
            if number + 1 >= MOST_BATCHES or (number + 1 >= FEWEST_BATCHES and seconds > ENOUGH_SECONDS):
                break
        return seconds / pixels if pixels else first[0] / first[1]

    def epoch(self) -> tuple[int, int]:
        """How many images the first epoch has, and pixels."""
        settings = EpochSettings(
            self.train.batch_size, self.train.seed, self.task.meaning.preprocessing.size, self.train.multi_scale,
            self.train.multi_scale_every,
        )  # fmt: skip
        plans = plan_epoch(len(self.task.training_data), settings, epoch=0)
        pixels = sum(len(plan.indices) * plan.size[0] * plan.size[1] for plan in plans)
        return sum(len(plan.indices) for plan in plans), pixels

    def _watched(self, count: int, size: Size) -> tuple[int, float]:
        """Peak bytes and seconds of a step with so many of the fullest images."""
        batch = self.task.largest_batch(count, size)
        cuda = self.place.device.type == "cuda"
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.place.device)
        forget_peak()
        start = time.perf_counter()
        self._step(batch, 1)
        seconds = time.perf_counter() - start
        return torch.cuda.max_memory_reserved(self.place.device) if cuda else peak_memory(), seconds

    def _step(self, batch: Batch, parts: int) -> None:
        training_step(self.state, batch, how=self.how, parts=parts)
        if self.place.device.type == "cuda":
            torch.cuda.synchronize(self.place.device)

    def _free(self) -> int | None:
        """What a training may take in all: what is free, and what this process holds already."""
        if self.place.device.type == "cuda":
            return torch.cuda.mem_get_info(self.place.device)[0] + torch.cuda.memory_reserved(self.place.device)
        free = free_memory()
        return None if free is None else free + held_memory()
