"""Threads that decode share what room there is, in turn, and give it back whatever happens."""

from __future__ import annotations

import os
import threading
import time

import pytest

from yolov3.images import room
from yolov3.images.room import Room, pixels_in_work


def test_never_more_is_taken_than_there_is():
    own, lock, state = Room(100), threading.Lock(), {"now": 0, "most": 0, "done": 0}

    def work(pixels: int) -> None:
        for _ in range(20):
            with own.taken(pixels):
                with lock:
                    state["now"] += min(pixels, 100)
                    state["most"] = max(state["most"], state["now"])
                time.sleep(0.0002)
                with lock:
                    state["now"] -= min(pixels, 100)
                    state["done"] += 1

    threads = [threading.Thread(target=work, args=(pixels,)) for pixels in (1, 10, 40, 60, 100, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert state["done"] == 120 and 60 <= state["most"] <= 100


def test_who_needs_much_is_not_overtaken_for_ever():
    own, stop, order = Room(100), threading.Event(), []

    def small() -> None:
        while not stop.is_set():
            with own.taken(30):
                time.sleep(0.001)

    threads = [threading.Thread(target=small) for _ in range(4)]
    for thread in threads:
        thread.start()
    with own.taken(100):
        order.append("large")
    stop.set()
    for thread in threads:
        thread.join(20)
    assert order == ["large"]


def test_it_is_given_back_whatever_happens():
    own = Room(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), own.taken(10):
            raise ZeroDivisionError
    with own.taken(10):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_waits_for_nobody_of_its_parent():
    with pixels_in_work(room.MOST_PIXELS):
        child = os.fork()
        if not child:
            with pixels_in_work(room.MOST_PIXELS):
                os._exit(7)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                assert os.waitstatus_to_exitcode(status) == 7
                return
            time.sleep(0.01)
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise AssertionError("the child waited")
