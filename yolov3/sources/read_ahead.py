"""Things read some way ahead of whoever wants them, in their order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

READERS = 2  # threads that read and decode while the network works

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")


def read_ahead(read: Callable[[Thing], Answer], things: Iterable[Thing], *, ahead: int) -> Iterator[Answer]:
    """``read`` of each thing, in order; at most ``ahead`` are read before they are asked for. Whoever leaves early, or is
    interrupted, waits for nobody, not even for a server that does not answer."""
    left = iter(things)
    waiting: list[Future[Answer]] = []
    questions: SimpleQueue[tuple[Future[Answer], Thing] | None] = SimpleQueue()
    for _ in range(READERS):
        threading.Thread(target=_work, args=(read, questions), name="reader", daemon=True).start()
    try:
        while True:
            for thing in itertools.islice(left, ahead - len(waiting)):
                waiting.append(Future())
                questions.put((waiting[-1], thing))
            if not waiting:
                return
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in range(READERS):
            questions.put(None)


def _work(read: Callable[[Thing], Answer], questions: SimpleQueue[tuple[Future[Answer], Thing] | None]) -> None:
    while (question := questions.get()) is not None:
        future, thing = question
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(read(thing))
        except BaseException as error:  # it is raised where the answer is wanted
            future.set_exception(error)
