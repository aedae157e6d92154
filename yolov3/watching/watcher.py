"""Who is told what happens while it happens: nobody, or a person at a terminal, who sees a bar and lines."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Literal, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Watcher:
    """Keeps what it is told to itself. Long work takes one of these."""

    def say(self, line: str) -> None:
        """A line about the work."""

    def warn(self, line: str) -> None:
        """A line about what went wrong and does not stop the work."""
        self.say(line)

    def report(self, line: str) -> None:
        """A line that belongs to the answer."""

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        """So much is done of what is to be done (None: unknown, or as before); ``text`` says what is being done."""


class Quiet(Watcher):
    """Tells only what went wrong, on the error output."""

    def warn(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class InLines(Quiet):
    """Tells everything in lines, without a bar: the answer on the standard output, the rest on the error output."""

    def say(self, line: str) -> None:
        self.warn(line)

    def report(self, line: str) -> None:
        print(line, flush=True)


class Bar(Watcher):
    """A bar where the console (default: the error output) is a terminal, and lines that stay. What is reported goes to the
    standard output. Enter it while the work lasts; the bar appears with the first advance."""

    def __init__(
        self,
        text: str,
        *,
        total: int | None = None,
        done: int = 0,
        unit: Literal["count", "bytes"] = "count",
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(stderr=True)
        counting: tuple[ProgressColumn, ...] = (MofNCompleteColumn(),)
        if unit == "bytes":
            counting = (DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *counting,
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            redirect_stdout=not self.console.stderr,  # what is reported goes where the user sends it
        )
        self._task = self._bar.add_task(text, total=total, completed=done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def report(self, line: str) -> None:
        print(line, flush=True)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        if not self._bar.live.is_started:
            self._bar.start()
        # rich takes None for "as it was".
        self._bar.update(self._task, completed=done, total=total, description=text)


class Pace:
    """How many a second, for the text beside a bar."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def text(self, done: int, unit: str) -> str:
        """Such as ``12.5 images/s``."""
        return f"{done / max(time.perf_counter() - self._start, 1e-9):.1f} {unit}/s"
