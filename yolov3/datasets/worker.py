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
