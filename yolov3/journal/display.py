"""What a person sees of a run: a bar per run on a terminal, one line per epoch everywhere, and in a file or a pipe a line
now and then within long epochs."""

from __future__ import annotations

import time

from rich.console import Console

from yolov3.watching.tables import NumberTable, print_table
from yolov3.watching.watcher import Bar


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

    def __str__(self) -> str:
        return f"{self.images_per_second:.1f} images/s, waiting for data {100 * self.wait_share:.0f} %"


class TrainingDisplay(Bar):
    """The bar of the whole run; it counts batches, so that the time left is that of the training."""

    def __init__(self, *, total_batches: int, done: int, epochs: int, quiet: bool = False) -> None:
        super().__init__("training", total=total_batches, done=done, console=Console(quiet=quiet))
        self.epochs = epochs
        self._done = done

    def batch_done(self, epoch: int, loss: float, watch: Stopwatch) -> None:
        """Advance the bar."""
        self._done += 1
        self.advance(self._done, text=f"epoch {epoch + 1}/{self.epochs}  loss {loss:.3f}  {watch}")

    def show(self, table: NumberTable) -> None:
        """A table that stays."""
        print_table(table, self.console)

    def epoch_done(self, epoch: int, numbers: str, watch: Stopwatch) -> None:
        """The line of an epoch (counted from 1)."""
        self.say(f"epoch {epoch}/{self.epochs}  {numbers}  {watch}  {self.times()}")
