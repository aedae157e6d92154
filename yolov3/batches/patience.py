"""Workers that die or do not answer: noticed within a bounded time, wherever the main process waits for them, and named.

Torch's own limit covers only part of the waiting: not the fetching of a batch's memory from a worker that was stopped in
the midst of sending, for which one waits for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from yolov3.batches.plan import BatchPlan
from yolov3.errors import UserError

PATIENCE = 50.0
"""Seconds with a worker that does not answer, as on a network drive that is gone; less than world.PATIENCE."""

LOOKS = 50  # times that it is looked within PATIENCE how long somebody has waited
DEATH = 1.0  # second within which a process whose connection has ended is seen to be dead


def kill(processes: Sequence[BaseProcess]) -> None:
    """End worker processes, also those that hear no other signal."""
    for process in processes:
        process.kill()


class Patience:
    """While it is entered, a thread kills ``processes`` when one waited for them for longer than PATIENCE, or waits and one of
    them is dead, so that the waiting ends; ``is_out`` and ``one_died`` tell it. The time in which the program itself was
    stopped (Ctrl-Z) does not count."""

    def __init__(self, processes: Sequence[BaseProcess]) -> None:
        self.is_out = self.one_died = False
        self._processes = processes
        self.seconds = PATIENCE
        self._wait: object | None = None  # the one that goes on
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="patience", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits in here."""
        self._wait = object()
        try:
            yield
        finally:
            self._wait = None

    def _look(self) -> None:
        wait, looks = None, 0
        while not self._end.wait(self.seconds / LOOKS):
            looks = looks + 1 if self._wait is wait else 0
            wait = self._wait
            if wait is None:
                continue
            self.one_died = looks > 0 and not all(process.is_alive() for process in self._processes)
            self.is_out = looks >= LOOKS and not self.one_died
            if self.one_died or self.is_out:
                kill(self._processes)
                return


class LostWorkers:
    """Says in one line what became of a worker that was to make the batch of ``plan``, whose first image is ``first``, while
    it was waited for; errors of another kind stay as they are."""

    def __init__(
        self, processes: Sequence[BaseProcess], patience: Patience, plan: BatchPlan | None, first: Path | None
    ) -> None:
        self._processes, self._patience, self._plan, self._first = processes, patience, plan, first

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, StopIteration):
            return
        if self._patience.is_out:
            reason = f"has not answered for {self._patience.seconds:.0f} seconds"
        elif self._patience.one_died or self._one_is_dead(error):
            reason = "was killed, perhaps because memory ran out,"
        else:
            return
        kill(self._processes)  # the others, which would be waited for at the end
        where = ""
        if self._plan is not None:
            where = (
                f" at batch {self._plan.number + 1} of epoch {self._plan.epoch + 1}, whose first image is {self._first}"
            )
        raise UserError(
            f"a loader process {reason}{where}; train.workers=0 reads images in the main process"
        ) from error

    def _one_is_dead(self, error: Exception) -> bool:
        if "exited unexpectedly" in str(error):
            return True
        if not isinstance(error, OSError | EOFError):
            return False
        deadline = time.monotonic() + DEATH
        while all(process.is_alive() for process in self._processes):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True
