"""What a person sees of a run: a bar per epoch on a terminal, one line per epoch everywhere."""

from __future__ import annotations

import time
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from yolov3.anchor_fitting import measure_anchors
from yolov3.datasets import Dataset, shared_pictures
from yolov3.datasets.box_sides import box_sides
from yolov3.engine.setup import Run
from yolov3.structures import Level, Preprocessing

POOR_RECALL = 0.9


class Stopwatch:
    """Seconds of an epoch's steps, up to the last one that is done, split into waiting for data and the rest."""

    def __init__(self) -> None:
        self.start = self.mark = time.perf_counter()
        self.waited = 0.0
        self.images = 0

    def data_arrived(self, images: int) -> None:
        """A batch of so many images has come; the time since the last step was spent waiting."""
        self.waited += time.perf_counter() - self.mark
        self.images += images

    def step_done(self) -> None:
        """The batch is computed; what follows is waiting again."""
        self.mark = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.mark - self.start

    @property
    def images_per_second(self) -> float:
        return self.images / max(self.seconds, 1e-9)

    @property
    def wait_share(self) -> float:
        return self.waited / max(self.seconds, 1e-9)


class TrainingDisplay:
    """The bar of the whole run; it counts batches, so that the time left is that of the training."""

    def __init__(self, *, total_batches: int, done: int, epochs: int, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet)
        self.epochs = epochs
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("training", total=total_batches, completed=done)

    def __enter__(self) -> TrainingDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def batch_done(self, epoch: int, loss: float, watch: Stopwatch) -> None:
        """Advance the bar."""
        speed = f"{watch.images_per_second:.1f} images/s, waiting for data {100 * watch.wait_share:.0f} %"
        text = f"epoch {epoch + 1}/{self.epochs}  loss {loss:.3f}  {speed}"
        self._progress.update(self._task, advance=1, description=text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, table: Table) -> None:
        """A table that stays."""
        self.console.print(table)

    def epoch_done(self, row: dict[str, float | int | None], watch: Stopwatch) -> None:
        """The line of an epoch."""
        scores = ""
        if row["metrics/AP"] is not None:
            scores = f"  AP50 {row['metrics/AP50']:.3f}  AP {row['metrics/AP']:.3f}"
            if row["metrics/AP_train"] is not None:
                scores += f" ({row['metrics/AP_train']:.3f} on training pictures)"
        self.say(
            f"epoch {row['epoch']}/{self.epochs}  box {row['train/box']:.3f}  obj {row['train/obj']:.3f}  "
            f"cls {row['train/cls']:.3f}{scores}  {watch.images_per_second:.1f} images/s, "
            f"waiting for data {100 * watch.wait_share:.0f} %"
        )


def describe_run(run: Run) -> list[str]:
    """What is worth knowing before the first step, and what to beware of."""
    experiment, world = run.experiment, run.world
    together = f", {world.size} processes" if world.size > 1 else ""
    precision = str(run.precision).removeprefix("torch.")
    lines = [
        describe_data(run.training_data, "train"),
        describe_data(run.validation_data, "val"),
        describe_anchors(run.training_data, experiment.model.preprocessing, run.levels),
        f"{run.description} on {run.device} in {precision}{together}, writing to {run.folder}",
        None if experiment.data.overfit else describe_overlap(run.training_data, run.validation_data),
        str(run.start) if run.start is not None else None,
    ]
    return [line for line in lines if line]


def describe_data(dataset: Dataset, name: str) -> str:
    """One line about what was read."""
    return f"{name}: {dataset.report.summary()}; {len(dataset.names)} classes ({dataset.source})"


def describe_overlap(training_data: Dataset, validation_data: Dataset) -> str | None:
    """A warning about pictures that are in both splits: what they tell is no measurement."""
    both = shared_pictures(training_data, validation_data)
    if not both:
        return None
    return f"warning: {len(both)} of the validation pictures are training pictures too, such as {both[0]}"


def describe_anchors(dataset: Dataset, preprocessing: Preprocessing, levels: tuple[Level, ...]) -> str:
    """How large the boxes are that will be learned, how well the anchors fit them, and a warning when they do not."""
    sides = box_sides(dataset, preprocessing)
    small, middle, large = np.percentile(sides.prod(axis=1) ** 0.5, (5, 50, 95))
    fit = measure_anchors(sides, tuple(level.anchors for level in levels))
    strides = ", ".join(str(level.stride) for level in levels)
    text = (
        f"boxes are {small:.0f} to {large:.0f} pixels in the network's input (median {middle:.0f}), its strides {strides}; "
        f"anchors fit them with a mean IoU of {fit.mean_iou:.2f}, recall {fit.recall:.3f}"
    )
    if fit.recall < POOR_RECALL:
        text += "\nwarning: these anchors miss much of the data; `yolov3 anchors CONFIG` fits better ones"
    return text
