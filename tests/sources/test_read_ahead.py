"""Answers come in the order of the questions, some way ahead and no further."""

from __future__ import annotations

import threading
import time

import pytest

from yolov3.sources.read_ahead import READERS, Ahead, read_ahead


@pytest.mark.parametrize("ahead", [1, 2, 7])
def test_answers_come_in_order(ahead):
    def slow_at_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number * number

    assert list(read_ahead(slow_at_first, range(20), ahead=ahead)) == [number * number for number in range(20)]


def test_no_more_is_read_than_was_said():
    read: list[int] = []
    answers = read_ahead(read.append, iter(range(100)), ahead=3)
    assert read == [], "nothing before somebody asks"
    next(answers)
    time.sleep(0.2)
    assert sorted(read) == [0, 1, 2]


def test_several_read_at_once():
    meeting = threading.Barrier(READERS, timeout=10)
    assert len(list(read_ahead(lambda _: meeting.wait(), range(2 * READERS), ahead=2 * READERS))) == 2 * READERS


def test_a_failure_comes_in_its_place():
    def read(number: int) -> int:
        if number == 2:
            raise KeyError(number)
        return number

    answers = read_ahead(read, range(9), ahead=9)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(KeyError):
        next(answers)


def test_it_can_be_left_early():
    answers = read_ahead(lambda number: number, range(10_000), ahead=100)
    next(answers)
    answers.close()
    for thread in threading.enumerate():
        if thread.name == "reader":
            thread.join(10)
            assert not thread.is_alive()


def test_nobody_waits_for_what_does_not_answer():
    released = threading.Event()
    answers = read_ahead(lambda number: number and released.wait(60), range(10), ahead=5)
    next(answers)
    start = time.monotonic()
    answers.close()
    assert time.monotonic() - start < 5
    released.set()


def counted(most: int, taken: list[int], error: type[Exception] | None = None):
    for number in range(most):
        taken.append(number)
        yield number
    if error is not None:
        raise error


def test_an_iterator_is_gone_through_in_order_some_way_ahead_and_no_further():
    taken: list[int] = []
    ahead = Ahead(counted(50, taken), most=3)
    time.sleep(0.1)
    assert taken == [], "nothing before somebody asks"
    assert next(ahead) == 0
    time.sleep(0.2)
    assert taken == [0, 1, 2, 3, 4]  # three wait, one has no room
    assert list(ahead) == list(range(1, 50)) and list(ahead) == []
    ahead.close()


def test_what_the_iterator_raises_comes_in_its_place():
    ahead = Ahead(counted(3, [], KeyError), most=9)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(ahead)
    assert list(ahead) == []


def test_after_closing_nobody_goes_on():
    taken: list[int] = []
    ahead = Ahead(counted(1000, taken), most=2)
    next(ahead)
    ahead.close()
    count = len(taken)
    assert count <= 6 and not ahead._thread.is_alive()
    time.sleep(0.1)
    assert len(taken) == count and list(ahead) == []
    Ahead(counted(3, taken), most=2).close()  # it never began


def test_who_abandons_an_iterator_does_not_wait_for_what_it_waits_for():
    answered, released = threading.Event(), threading.Event()

    def things():
        yield 0
        answered.set()
        released.wait(30)
        yield 1

    ahead = Ahead(things(), most=1, abandon=True)
    assert next(ahead) == 0 and answered.wait(30)
    ahead.close()
    assert ahead._thread.is_alive() and not released.is_set()
    released.set()
    ahead._thread.join(30)
    assert not ahead._thread.is_alive(), "it ends as soon as it can"
