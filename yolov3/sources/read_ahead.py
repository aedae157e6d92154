"""Things read some way ahead of whoever wants them, in their order: by questions, or by going through an iterator."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import Empty, Queue, SimpleQueue
from typing import Generic, Self, TypeVar

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


class Ahead(Generic[Thing]):
    """An iterator that a thread of its own goes through, ``most`` things ahead of whoever asks. It begins with the first
    question; what it raises is raised in its place. Who leaves before the end must close it, and waits then until the thread
    is done with what it is at; not so with ``abandon``, for what may wait for a server that does not answer."""

    def __init__(self, things: Iterator[Thing], *, most: int, abandon: bool = False) -> None:
        self._things, self._abandon = things, abandon
        self._waiting: Queue[Future[Thing]] = Queue(most)
        self._thread = threading.Thread(target=self._go_through, name="reader ahead", daemon=True)
        self._left = self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Thing:
        if self._ended:
            raise StopIteration
        if not self._thread.ident:
            self._thread.start()
        answer = self._waiting.get()
        self._ended = answer.exception() is not None
        return answer.result()

    def close(self) -> None:
        """Let the thread end after what it is at. Unless that is abandoned, nobody touches afterwards what the iterator works
        with."""
        self._left = self._ended = True
        while self._thread.is_alive():
            try:  # it may wait for room
                self._waiting.get(timeout=0.01)
            except Empty:
                if self._abandon:
                    return

    def _go_through(self) -> None:
        while not self._left:
            answer: Future[Thing] = Future()
            try:
                answer.set_result(next(self._things))
            except BaseException as error:  # the end, too
                answer.set_exception(error)
            self._waiting.put(answer)
            if answer.exception() is not None:
                return
