"""An output in a thread of its own, so that drawing, encoding and writing do not wait for the network, nor it for them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Queue
from types import TracebackType
from typing import Self

from yolov3.outputs.output import Output, Result

LEAVING = 0.5  # seconds for what is still to be written when the program is told to end


class WriteBehind(Output):
    """Gives ``output`` everything in the order in which it comes, at most ``most`` results later: who writes faster than the
    thread does waits.

    What the output raises is raised by the next call here, once; what comes after it is not written any more. Leaving waits
    until all is written and finished, so that no file is left half written; when the program is told to end, what has not been
    begun within LEAVING is given up, and when that waiting is interrupted, at once.
    """

    def __init__(self, output: Output, *, most: int) -> None:
        self.output = output
        self._tasks: Queue[Callable[[], None] | None] = Queue(most)
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._failure: BaseException | None = None
        self._given_up = False
        self._latest = math.inf

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._latest = time.monotonic() + LEAVING
        self.close()

    def write(self, result: Result) -> None:
        self._give(partial(self.output.write, result))

    def end(self, name: str) -> None:
        self._give(partial(self.output.end, name))

    def settle(self) -> None:
        self._tasks.join()
        self._raise_failure()

    def close(self) -> None:
        try:
            self._tasks.put(None)
            self._thread.join()
        except BaseException:
            self._given_up = True
            if self._thread.is_alive():
                self._tasks.put(None)
                self._thread.join()
            raise
        self._raise_failure()

    def _give(self, task: Callable[[], None]) -> None:
        self._raise_failure()
        self._tasks.put(task)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._try(task)
            del task  # it holds an image
            self._tasks.task_done()
        self._given_up, self._latest = False, math.inf
        self._try(self.output.close)

    def _try(self, task: Callable[[], None]) -> None:
        if self._given_up or time.monotonic() > self._latest:
            return
        try:
            task()
        except BaseException as error:  # it is raised where somebody hears it
            self._failure, self._given_up = error, True
