"""A signal as a wish that is granted at the next safe place instead of a blow."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from yolov3.processes.stopping import DOUBLED, EXIT_CODES, GRACE, Stopped, Stopping, wake_main_thread

AGAIN = 0.1  # seconds between two tries to wake the main thread


class Interrupted(Exception):
    """The run in ``folder`` was asked to stop, saved its state and ends with ``exit_code``."""

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.folder = folder
        self.exit_code = EXIT_CODES[signal.Signals(number)]


class Interruption:
    """While it is entered, the first signal is remembered in ``received``; a second Ctrl-C stops at once.

    Python runs its handlers between two of its own instructions only, late during one long call (the backward pass of a
    large network on a CPU), and of several signals it hears one. So a thread sees them as they come and decides: at the
    second Ctrl-C it lets the main thread raise KeyboardInterrupt, or, when that does not hear it within GRACE, ends the
    process where it stands.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._first: float | None = None
        self._insisted = False
        self._heard = threading.Event()
        self._stopping: Stopping | None = None
        self._own: Stopping | None = None
        self._taken: list[int] = []

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses handlers
            if Stopping.current is None:
                self._own = Stopping().__enter__()
            self._stopping = Stopping.current
            assert self._stopping is not None
            self._stopping.wish = self
            # Who starts a run in the background of a shell may not hear Ctrl-C, but the run is told by `kill -INT`.
            self._taken = self._stopping.take(number for number in EXIT_CODES if number != _hang_up())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stopping is None:
            return
        for number in self._taken:
            self._stopping.give_back(number)
        self._stopping.wish = None
        self._heard.set()
        if self._own is not None:
            self._own.__exit__(kind, error, trace)

    def remember(self, number: int) -> None:
        """Keep the wish; raises Stopped when it was the second Ctrl-C."""
        if self._insisted and not self._heard.is_set():
            self._heard.set()
            raise Stopped(number)
        self.received = number

    def arrived(self, numbers: bytes) -> None:
        """Decide whether the wish has become a demand."""
        if signal.SIGINT not in numbers or self._insisted:
            return
        now = time.monotonic()
        if self._first is None:
            self._first = now
        if now - self._first < DOUBLED:
            return
        self._insisted = True
        wake_main_thread()
        threading.Thread(target=self._end_unheard, daemon=True).start()

    def _end_unheard(self) -> None:
        end = time.monotonic() + GRACE
        while not self._heard.wait(AGAIN):
            if time.monotonic() < end:
                wake_main_thread()  # once is not enough: it may have been about to fall asleep
            elif self._stopping is not None:
                self._stopping.end_now(signal.SIGINT)


@contextmanager
def stops_raise() -> Iterator[None]:
    """Let signals raise Stopped (a KeyboardInterrupt), but not once more in the midst of leaving because of it. In a program
    that hears them already this is where there begins to be something to put in order."""
    if Stopping.current is not None:
        Stopping.current.begin()
        yield
    elif threading.current_thread() is not threading.main_thread():
        yield
    else:
        with Stopping():
            yield


def _hang_up() -> int | None:
    return getattr(signal, "SIGHUP", None)  # which `nohup` lets nobody hear
