"""What a person sees of a run: a bar per epoch on a terminal, one line per epoch everywhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from yolov3.datasets import Dataset


class Stopwatch:
    """Seconds of an epoch, split into waiting for data and the rest."""

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
        return time.perf_counter() - self.start

    @property
    def images_per_second(self) -> float:
        return self.images / max(self.seconds, 1e-9)

    @property
    def wait_share(self) -> float:
        return self.waited / max(self.seconds, 1e-9)


class TrainingDisplay:
    """The bar of the whole run; it counts batches, so that the time left is that of the training."""

    def __init__(self, *, total_batches: int, done: int, epochs: int) -> None:
        self.console = Console()
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
        text = f"epoch {epoch + 1}/{self.epochs}  loss {loss:.3f}  {watch.images_per_second:.1f} images/s"
        self._progress.update(self._task, advance=1, description=text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def epoch_done(self, row: dict[str, float | int | None], watch: Stopwatch) -> None:
        """The line of an epoch."""
        scores = ""
        if row["metrics/AP"] is not None:
            scores = f"  AP50 {row['metrics/AP50']:.3f}  AP {row['metrics/AP']:.3f}"
        self.say(
            f"epoch {row['epoch']}/{self.epochs}  box {row['train/box']:.3f}  obj {row['train/obj']:.3f}  "
            f"cls {row['train/cls']:.3f}{scores}  {watch.images_per_second:.1f} images/s, "
            f"waiting for data {100 * watch.wait_share:.0f} %"
        )


def describe_data(dataset: Dataset, name: str) -> str:
    """One line about what was read."""
    boxes = sum(len(sample.boxes) for sample in dataset.samples)
    backgrounds = sum(not len(sample.boxes) for sample in dataset.samples)
    return (
        f"{name}: {len(dataset.samples)} images, {boxes} boxes of {len(dataset.names)} classes, "
        f"{backgrounds} without objects ({dataset.source})"
    )
