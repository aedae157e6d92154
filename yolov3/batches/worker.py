"""What every loader's worker processes have in common."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2


@dataclass(frozen=True)
class Failure:
    """A mistake of the user's that a worker met: it travels as a value and is raised in the main process, in one
    line, where an exception would arrive wrapped in the worker's traceback."""

    message: str


def prepare_worker(_: int) -> None:
    """Ctrl-C is the main process's business, workers ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
