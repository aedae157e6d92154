"""Ctrl-C and SIGTERM as a wish that is granted at the next safe place instead of a blow.

One press may come twice: `timeout` and others that start programs send a signal to the program and then to its whole
group. So what follows a Ctrl-C within DOUBLED is no second one.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
DOUBLED = 0.5  # seconds within which two signals are one press of Ctrl-C
GRACE = 2.0  # seconds that the program has to leave in order after the second Ctrl-C


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
        self._insisted = False
        self._heard = threading.Event()
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses handlers
            for number in EXIT_CODES:
                self._previous[number] = signal.signal(number, self._remember)
            self._arrivals, self._signals = socket.socketpair()
            self._signals.setblocking(False)
            self._previous_descriptor = signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous:
            signal.set_wakeup_fd(self._previous_descriptor)
            self._heard.set()
            self._signals.close()  # which ends the thread
            self._thread.join(GRACE)  # so that nothing it sends meets the handlers from before
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self._insisted and not self._heard.is_set():
            self._heard.set()
            raise KeyboardInterrupt
        self.received = number

    def _watch(self) -> None:
        first: float | None = None
        with self._arrivals:
            while numbers := self._arrivals.recv(64):
                if signal.SIGINT not in numbers or self._insisted:
                    continue
                now = time.monotonic()
                if first is None:
                    first = now
                if now - first < DOUBLED:
                    continue
                self._insisted = True
                _wake_main_thread()
                if not self._heard.wait(GRACE):
                    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar may have hidden it
                    print(f"{show_cursor}yolov3: stopped", file=sys.stderr, flush=True)
                    os._exit(EXIT_CODES[signal.SIGINT])


@contextmanager
def doubled_presses_as_one() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, as it does, but not once more in the midst of leaving because of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised = -DOUBLED

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal raised
        if time.monotonic() - raised >= DOUBLED:
            raised = time.monotonic()
            raise KeyboardInterrupt

    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:  # somebody else decides, or nobody is to hear it
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _wake_main_thread() -> None:
    """Let the main thread run the handler of Ctrl-C now, also where it waits."""
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
    else:  # Windows
        _thread.interrupt_main(signal.SIGINT)
