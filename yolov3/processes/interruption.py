"""Ctrl-C and SIGTERM as a wish that is granted at the next safe place instead of a blow."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType, TracebackType

from rich.console import Console

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
GRACE = 2.0  # seconds that the program has to leave in order after the second Ctrl-C


class Interrupted(Exception):
    """The run in ``folder`` was asked to stop, saved its state and ends with ``exit_code``."""

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.folder = folder
        self.exit_code = EXIT_CODES[signal.Signals(number)]


class Interruption:
    """While it is entered, the first signal is remembered in ``received``; a second Ctrl-C stops at once.

    Python runs its handlers between two of its own instructions only, and of several signals that come during one long
    call (the backward pass of a large network on a CPU) it hears one. So a thread counts them as they come: the second
    Ctrl-C raises KeyboardInterrupt, or, when nobody hears it within GRACE, ends the process where it stands.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._presses = 0
        self._heard = threading.Event()
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses handlers
            for number in EXIT_CODES:
                self._previous[number] = signal.signal(number, self._remember)
            self._arrivals, self._signals = socket.socketpair()
            self._signals.setblocking(False)
            self._previous_descriptor = signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._count, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous:
            signal.set_wakeup_fd(self._previous_descriptor)
            self._heard.set()
            self._signals.close()  # which ends the thread
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and (self.received == signal.SIGINT or self._presses > 1):
            self._heard.set()
            raise KeyboardInterrupt
        self.received = number

    def _count(self) -> None:
        with self._arrivals:
            while numbers := self._arrivals.recv(64):
                self._presses += numbers.count(signal.SIGINT)
                if self._presses > 1 and not self._heard.wait(GRACE):
                    console = Console(stderr=True)
                    console.show_cursor()  # a progress bar may have hidden it
                    console.print("yolov3: stopped", highlight=False)
                    os._exit(EXIT_CODES[signal.SIGINT])
