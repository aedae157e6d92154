"""What ends the program from outside: Ctrl-C, SIGTERM and SIGHUP, from the program's first line to its last.

The first signal raises :class:`Stopped` in the main thread, so that files are closed and threads joined on the way out. A
thread sees signals as they come, also during one long call, and ends the program where it stands when the way out takes
longer than GRACE: whatever is written under its final name is whole by then. One press may come twice, since `timeout` and
others send a signal to the program and then to its whole group; what follows within DOUBLED is no second one.

Imported before anything else of the program, and so imports next to nothing.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time

TYPE_CHECKING = False  # typing is too slow to import here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any, NoReturn, Protocol

    class Wish(Protocol):
        """Who decides in the handlers' place what becomes of signals."""

        def remember(self, number: int) -> None:
            """In the main thread, between two of Python's instructions."""

        def arrived(self, numbers: bytes) -> None:
            """In the thread, at once."""


EXIT_CODES = {
    signal.Signals[name]: 128 + signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
}
DOUBLED = 0.5  # seconds within which two signals are one
GRACE = 1.5  # seconds that the program has to leave in order


class Stopped(KeyboardInterrupt):
    """The program was told to end by the signal ``number``, and ends with ``exit_code``."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number
        self.exit_code = EXIT_CODES[signal.Signals(number)]


class Stopping:
    """Hears the signals while it is entered, of those that nobody else has decided about; ``received`` is the first one.

    ``ends_program``: it belongs to a whole program and may end it. Else, in a function that somebody calls, it only raises.
    """

    current: Stopping | None = None
    """The one that is entered; there is one at a time."""

    def __init__(self, *, ends_program: bool = False) -> None:
        self.received: int | None = None
        self.wish: Wish | None = None
        self.told = False  # somebody has said that the program is stopped
        self._ends_program = ends_program
        self._may_raise = not ends_program  # a program has nothing to put in order before its command begins
        self._leaving = False
        self._again = False
        self._raised = -DOUBLED
        self._process = os.getpid()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        assert Stopping.current is None
        Stopping.current = self
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._previous_descriptor = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        undecided = (signal.SIG_DFL, signal.default_int_handler)
        self.take(number for number in EXIT_CODES if signal.getsignal(number) in undecided)
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._watch, ())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        Stopping.current = None
        for number in list(self._previous):
            self.give_back(number)
        signal.set_wakeup_fd(self._previous_descriptor)
        os.write(self._writing, b"\0")  # which ends the thread
        self._ended.acquire(timeout=GRACE)
        os.close(self._writing)
        os.close(self._reading)

    def take(self, numbers: Any) -> list[int]:
        """Hear these signals too; those that were not heard before are returned."""
        taken = [number for number in numbers if number not in self._previous]
        for number in taken:
            self._previous[number] = signal.signal(number, self._handle)
        return taken

    def give_back(self, number: int) -> None:
        """Leave a signal to whom it was taken from."""
        signal.signal(number, self._previous.pop(number))

    def begin(self) -> None:
        """From here on there is something to put in order."""
        self._may_raise = True

    def leave(self, code: int) -> NoReturn:
        """End the program: what is registered for its end is done, what was written goes out, processes are ended. Threads
        of libraries are not waited for, some of which never end."""
        self._leaving = True
        if self.received is not None:
            self._end_in_time(self.received)
        end_children()
        import atexit

        atexit._run_exitfuncs()
        _flush()
        os._exit(code)

    def end_now(self, number: int) -> NoReturn:
        """End the program where it stands."""
        if not self.told:
            self.told = True
            show_cursor = b"\x1b[?25h" if os.isatty(2) else b""  # a progress bar may have hidden it
            _write_error(show_cursor + b"yolov3: stopped\n")
        try:
            end_children()
        finally:  # whatever state the libraries are in
            os._exit(EXIT_CODES[signal.Signals(number)])

    def raise_soon(self) -> None:
        """Raise Stopped again: it was raised where nobody hears it, or may not be raised yet."""

        def later() -> None:
            time.sleep(0.02)
            self._again = True
            wake_main_thread()

        _thread.start_new_thread(later, ())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that was forked off; this is not its business
            return
        if self._ends_program and number == getattr(signal, "SIGHUP", None):
            _forget_terminal()
        if self.wish is not None:
            self.wish.remember(number)
            return
        if self._leaving:
            return
        again, self._again = self._again, False
        if self.received is None or (not self._ends_program and time.monotonic() - self._raised >= DOUBLED):
            self.received = number
        elif not again:
            return
        if not self._may_raise:
            self.end_now(self.received)
        if _is_importing(frame):  # libraries take it for a failure of their own there, or break
            self.raise_soon()
            return
        self._raised = time.monotonic()
        raise Stopped(self.received)

    def _watch(self) -> None:
        ending = False
        while True:
            numbers = os.read(self._reading, 64)
            if not numbers or b"\0" in numbers:
                break
            if self.wish is not None:
                self.wish.arrived(numbers)
            elif self._ends_program and not ending:
                ending = True
                self._end_in_time(numbers[0])
        self._ended.release()

    def _end_in_time(self, number: int) -> None:
        def end() -> None:
            time.sleep(GRACE)
            self.end_now(self.received or number)

        _thread.start_new_thread(end, ())


def run_program(main: Callable[[], int]) -> NoReturn:
    """End the program with what ``main`` returns; whatever comes out of it after a signal is the signal's doing."""
    stopping = Stopping.current
    assert stopping is not None
    import threading

    show_unraisable, show_in_thread = sys.unraisablehook, threading.excepthook

    def unraisable(failure: Any) -> None:
        if isinstance(failure.exc_value, Stopped):
            stopping.raise_soon()
        elif stopping.received is None:
            show_unraisable(failure)

    def in_thread(failure: Any) -> None:
        if stopping.received is None:
            show_in_thread(failure)

    sys.unraisablehook, threading.excepthook = unraisable, in_thread
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        if stopping.received is None:
            sys.excepthook(*sys.exc_info())
            code = 1
        elif not stopping.told:
            stopping.end_now(stopping.received)
    if stopping.received is not None:
        code = EXIT_CODES[signal.Signals(stopping.received)]
    stopping.leave(code)


def open_missing_streams() -> None:
    """Give a program that was started without standard streams ones that lead nowhere: the files it opens would take their
    place, and whatever a library prints would go into them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r" if name == "stdin" else "w"))


def wake_main_thread(number: int = signal.SIGINT) -> None:
    """Let the main thread run a signal's handler now, also where it waits."""
    if hasattr(signal, "pthread_kill"):
        import threading

        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)
    else:  # Windows
        _thread.interrupt_main(signal.Signals(number))


def end_children() -> None:
    """Kill the processes that this one has started to work for it; one that was stopped would not hear anything else."""
    # While it is being imported it is there and has nothing to call.
    active_children: Any = getattr(sys.modules.get("multiprocessing"), "active_children", tuple)
    for child in active_children():
        child.kill()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _forget_terminal() -> None:
    """A terminal that is gone answers every line with an error."""
    for number in (1, 2):
        if os.isatty(number):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # what matters was flushed where a failure is heard
            stream.flush()


def _write_error(text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text)
