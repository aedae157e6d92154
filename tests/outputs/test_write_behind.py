"""An output in a thread of its own: in order, never far behind, whole at the end, and what goes wrong is heard."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.outputs import write_behind as module
from yolov3.outputs.output import Output, Result, StopDetecting
from yolov3.outputs.write_behind import WriteBehind
from yolov3.sources.frames import Frame


def result(number: int) -> Result:
    return Result(Frame(np.zeros((2, 2, 3), np.uint8), "a.mp4", number), Detections.empty(), "a", 25.0)


class Slow(Output):
    """Writes when it is let, and remembers what it did and who did it."""

    def __init__(self, *, let: bool = True, fails_at: int | None = None, error: Exception | None = None) -> None:
        self.let = threading.Event()
        self.done: list[object] = []
        self.threads: set[threading.Thread] = set()
        self.fails_at, self.error = fails_at, error
        if let:
            self.let.set()

    def write(self, result: Result) -> None:
        assert self.let.wait(10)
        self.threads.add(threading.current_thread())
        if result.frame.index == self.fails_at:
            assert self.error is not None
            raise self.error
        self.done.append(result.frame.index)

    def end(self, name: str) -> None:
        self.done.append(name)

    def close(self) -> None:
        self.threads.add(threading.current_thread())
        self.done.append("closed")


def test_everything_comes_in_order_from_one_thread_and_is_finished_at_the_end():
    slow = Slow()
    with WriteBehind(slow, most=2) as output:
        for number in range(20):
            output.write(result(number))
        output.end("a")
    assert slow.done == [*range(20), "a", "closed"]
    assert len(slow.threads) == 1 and threading.main_thread() not in slow.threads


def test_settling_waits_until_all_is_written():
    slow = Slow(let=False)
    with WriteBehind(slow, most=5) as output:
        for number in range(3):
            output.write(result(number))
        assert slow.done == []
        threading.Timer(0.1, slow.let.set).start()
        output.settle()
        assert slow.done == [0, 1, 2]


def test_who_is_too_fast_waits():
    slow = Slow(let=False)
    with WriteBehind(slow, most=2) as output:
        given: list[int] = []

        def give() -> None:
            for number in range(10):
                output.write(result(number))
                given.append(number)

        thread = threading.Thread(target=give)
        thread.start()
        time.sleep(0.3)
        assert len(given) <= 3  # one is being written, two wait
        slow.let.set()
        thread.join(10)
    assert slow.done == [*range(10), "closed"]


@pytest.mark.parametrize("error", [UserError("a.mp4: the disk is full"), StopDetecting()])
def test_what_it_raises_is_raised_once_by_the_next_call_and_nothing_more_is_written(error):
    slow = Slow(fails_at=1, error=error)
    with WriteBehind(slow, most=5) as output:
        output.write(result(0))
        output.write(result(1))
        with pytest.raises(type(error)) as caught:
            output.settle()
        assert caught.value is error
        output.write(result(2))
        output.settle()
    assert slow.done == [0, "closed"]


def test_what_it_raises_last_is_raised_on_leaving():
    slow = Slow(fails_at=0, error=UserError("full"))
    with pytest.raises(UserError, match="full"), WriteBehind(slow, most=5) as output:
        output.write(result(0))
    assert slow.done == ["closed"]


def test_leaving_because_of_an_error_writes_what_was_given():
    slow = Slow()
    with pytest.raises(KeyboardInterrupt), WriteBehind(slow, most=9) as output:
        for number in range(5):
            output.write(result(number))
        raise KeyboardInterrupt
    assert slow.done == [*range(5), "closed"]


def test_an_interruption_of_the_waiting_gives_up_what_has_not_begun(monkeypatch):
    slow = Slow(let=False)
    output = WriteBehind(slow, most=9)
    join = output._thread.join

    def interrupted(timeout: float | None = None) -> None:
        monkeypatch.setattr(output._thread, "join", join)
        threading.Timer(0.1, slow.let.set).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(output._thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt), output:
        for number in range(5):
            output.write(result(number))
        time.sleep(0.1)
    assert slow.done == [0, "closed"], "what was being written is whole"


def test_who_is_told_to_end_does_not_wait_long_for_what_has_not_begun(monkeypatch):
    """What has begun is finished, and the output is closed in order."""
    monkeypatch.setattr(module, "LEAVING", 0.05)
    slow = Slow(let=False)
    with pytest.raises(KeyboardInterrupt), WriteBehind(slow, most=9) as output:
        for number in range(5):
            output.write(result(number))
        time.sleep(0.1)
        threading.Timer(0.2, slow.let.set).start()
        raise KeyboardInterrupt
    assert slow.done == [0, "closed"]
