"""Who is told what happens while it happens: nobody, or a person at a terminal, who sees a bar and lines, or who reads
later what went into a file or a pipe, and finds a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Literal, Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from yolov3.watching.lines import WARNING, print_line, print_on
from yolov3.watching.printable import printable
from yolov3.watching.words import duration

QUIET_SECONDS = 30.0  # that work may go on in silence where there is no bar
QUIET_SHARE = 0.05  # and this share of the time that has passed, so that days of work do not fill pages
WIDE, NARROW = 110, 70  # columns of a terminal that has room for a long bar, for a short one


class Watcher:
    """Keeps what it is told to itself. Long work takes one of these."""

    def say(self, line: str) -> None:
        """A line about the work."""

    def warn(self, line: str) -> None:
        """A line about something to beware of, which does not stop the work."""
        self.say(WARNING + line)

    def report(self, line: str) -> None:
        """A line that belongs to the answer."""

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        """So much is done of what is to be done (None: unknown, or as before); ``text`` says what is being done."""


class Quiet(Watcher):
    """Tells only what went wrong, on the error output."""

    def warn(self, line: str) -> None:
        print_line(WARNING + line, sys.stderr)


class InLines(Quiet):
    """Tells everything in lines, without a bar: the answer on the standard output, the rest on the error output."""

    def say(self, line: str) -> None:
        print_line(line, sys.stderr)

    def report(self, line: str) -> None:
        print_line(line)


class Bar(Watcher):
    """A bar where the console (default: the error output) is a terminal, and lines that stay. Elsewhere a line says now and
    then how far the work is. What is reported goes to the standard output. Enter it while the work lasts; the bar appears
    with the first advance."""

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
        width = self.console.width
        bar = (BarColumn(bar_width=40 if width >= WIDE else 16),) if width >= NARROW else ()
        self._bar = Progress(
            _FittingText(self.console, unit),
            *bar,
            *counting,
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            redirect_stdout=not self.console.stderr,  # what is reported goes where the user sends it
        )
        self._task = self._bar.add_task(text, total=total, completed=done)
        self._log = ProgressLog(text, total, done, unit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        print_on(self.console, line)

    def report(self, line: str) -> None:
        print_line(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        line = self._log.advance(done, total, text)
        if not self.console.is_terminal:
            if line is not None:
                self.say(line)
            return
        if not self._bar.live.is_started:
            self._bar.start()
        if done < self._bar.tasks[0].completed:  # another count begins: its rate is not that of the one before
            self._bar.reset(self._task)
        # rich takes None for "as it was".
        self._bar.update(self._task, completed=done, total=total, description=text)

    def times(self) -> str:
        """How long the work has taken, and how much longer it will by what it took so far."""
        return self._log.times()


class ProgressLog:
    """Says from time to time how far work is, seldom enough for a file that is read later."""

    def __init__(
        self, text: str, total: int | None = None, done: int = 0, unit: Literal["count", "bytes"] = "count"
    ) -> None:
        self._text, self._total, self._done, self._first, self._unit = text, total, done, done, unit
        self._start = self._begun = self._last = time.monotonic()

    def advance(self, done: int, total: int | None, text: str | None) -> str | None:
        """A line, when it is time for one again."""
        now = time.monotonic()
        if done < self._done:  # another count begins, such as that of the next evaluation of the same work
            self._begun, self._first = now, done
        self._done = done
        self._total = self._total if total is None else total
        self._text = self._text if text is None else text
        if now - self._last < max(QUIET_SECONDS, QUIET_SHARE * (now - self._start)) or done == self._total:
            return None
        self._last = now
        return f"{self._text}  {self._amount()}  {self.times()}"

    def times(self) -> str:
        """Such as ``after 2 min 5 s, 10 min left``."""
        now = time.monotonic()
        text = f"after {duration(now - self._start)}"
        if self._total is None or self._done <= self._first or self._done >= self._total:
            return text
        left = (now - self._begun) * (self._total - self._done) / (self._done - self._first)
        return f"{text}, {duration(left)} left"

    def _amount(self) -> str:
        amounts = [amount for amount in (self._done, self._total) if amount is not None]
        if self._unit == "bytes":
            return "/".join(f"{amount / 1e6:.1f}" for amount in amounts) + " MB"
        return "/".join(map(str, amounts))


class _FittingText(ProgressColumn):
    """As much of the text as the terminal has room for beside the numbers; what is divided by two spaces is shown whole or
    not at all."""

    def __init__(self, console: Console, unit: Literal["count", "bytes"]) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._console, self._unit = console, unit

    def render(self, task: Task) -> Text:
        """The text of a task."""
        width = self._console.width
        bar = 0 if width < NARROW else 17 if width < WIDE else 41
        numbers = 30 if self._unit == "bytes" else 2 * len(str(int(task.total or task.completed))) + 2
        room = width - bar - numbers - len("0:00:00 ") - 1
        first, *rest = printable(task.description).split("  ")
        text = first if cell_len(first) <= room else first[: max(1, room - 1)] + "…"
        for part in rest:
            if cell_len(f"{text}  {part}") > room:
                break
            text = f"{text}  {part}"
        return Text(text)


class Pace:
    """How many a second, for the text beside a bar."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def text(self, done: int, unit: str) -> str:
        """Such as ``12.5 images/s``."""
        return f"{done / max(time.perf_counter() - self._start, 1e-9):.1f} {unit}/s"
