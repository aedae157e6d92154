"""What every loader's worker processes have in common."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2

from yolov3.processes.stopping import EXIT_CODES

SHARED_MEMORY = "/dev/shm"
_SET_SIGNAL_OF_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl


@dataclass(frozen=True)
class Failure:
    """A mistake of the user's that a worker met: it travels as a value and is raised in the main process, in one
    line, where an exception would arrive wrapped in the worker's traceback."""

    message: str


@dataclass
class Preparation:
    """What a worker does first, forked by the process ``parent``: signals are the main process's business, workers ignore
    them, and are killed with it. ``by_main_thread``: else the worker would be killed when that other thread ends."""

    parent: int = 0
    by_main_thread: bool = True

    def note_parent(self) -> None:
        """In the main process, before a worker is forked."""
        self.parent, self.by_main_thread = os.getpid(), threading.current_thread() is threading.main_thread()

    def __call__(self, _: int) -> None:
        """In the worker."""
        for number in EXIT_CODES:
            signal.signal(number, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, EXIT_CODES)
        if sys.platform == "linux" and self.by_main_thread:
            ctypes.CDLL(None).prctl(_SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
            if os.getppid() != self.parent:
                os._exit(1)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """What is forked in here hears no signal before it has decided about them; until then it would act in the main process's
    place."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, EXIT_CODES)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def free_shared_memory() -> int | None:
    """The bytes that processes may still share, which lie in files and are limited as these are; None where it is not
    known."""
    limit = _largest_file()
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return limit
    return free if limit is None else min(free, limit)


def _largest_file() -> int | None:
    """The bytes that this process may write into a file; None where that is not limited."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Workers that are forked in here run OpenCV in one thread each: they are the threads. It must be said before the
    fork, because a forked copy of OpenCV's thread pool can neither be used nor be taken down; it hangs."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def child_signal_kept() -> Iterator[None]:
    """Workers that are started in here do not change what happens when one of them dies. Torch would raise wherever the
    main process happens to be, even in the midst of an update or of saving; the loader notices by itself."""
    before = signal.getsignal(signal.SIGCHLD)
    yield
    if signal.getsignal(signal.SIGCHLD) is not before:
        signal.signal(signal.SIGCHLD, before if before is not None else signal.SIG_DFL)
