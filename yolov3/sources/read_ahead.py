"""Things read some way ahead of whoever wants them, in their order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

READERS = 2  # threads that read and decode while the network works

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")


def read_ahead(read: Callable[[Thing], Answer], things: Iterable[Thing], *, ahead: int) -> Iterator[Answer]:
    """``read`` of each thing, in order; at most ``ahead`` are read before they are asked for."""
    left = iter(things)
    waiting: list[Future[Answer]] = []
    with ThreadPoolExecutor(READERS) as pool:
        try:
            while True:
                for thing in itertools.islice(left, ahead - len(waiting)):
                    waiting.append(pool.submit(read, thing))
                if not waiting:
                    return
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
