"""Every request gets its own answer; together they are few batches, alone nobody waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.selecting.postprocess import Selection
from yolov3.serving.batching import Batching, Full

RULES = Selection()


def image(number: int) -> np.ndarray:
    return np.full((1, 1, 3), number, np.uint8)


def number_of(found: Detections) -> int:
    return int(found.labels[0])


class Counting:
    """Finds in each image its number, after a while; remembers the batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.batches: list[list[int]] = []
        self.rules: list[Selection] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, images, selection):
        self.goes_on.wait()
        time.sleep(self.seconds)
        numbers = [int(each[0, 0, 0]) for each in images]
        self.batches.append(numbers)
        self.rules.append(selection)
        if 255 in numbers:
            raise ValueError("the network broke")
        return [Detections(torch.zeros(1, 4), torch.ones(1), torch.tensor([number])) for number in numbers]


@pytest.fixture
def make():
    made: list[Batching] = []

    def make(detect, *, most=4, places=100, gather=0.05, **more) -> Batching:
        made.append(Batching(detect, most=most, places=places, gather=gather, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(batching: Batching, number: int, rules: Selection = RULES) -> int:
    with batching.place():
        return number_of(batching.submit(image(number), rules).result(20))


@pytest.mark.parametrize("most", [1, 3, 8])
def test_a_thousand_answers_to_their_questions(make, most):
    detect = Counting()
    batching = make(detect, most=most, places=1000, gather=0.001)
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda number: ask(batching, number % 250), range(1000)))
    assert answers == [number % 250 for number in range(1000)]
    assert sorted(number for batch in detect.batches for number in batch) == sorted(answers)
    assert max(map(len, detect.batches)) <= most and (most == 1 or max(map(len, detect.batches)) > 1)
    assert batching.inside == 0


def test_one_alone_waits_for_nobody(make):
    batching = make(Counting(), gather=0.9)
    start = time.monotonic()
    assert [ask(batching, number) for number in range(3)] == [0, 1, 2]
    assert time.monotonic() - start < 0.8


def test_one_waits_for_those_on_their_way_and_no_longer_than_it_should(make):
    detect = Counting()
    batching = make(detect, gather=0.6)
    with batching.place(), batching.place():
        first = batching.submit(image(1), RULES)
        time.sleep(0.1)
        assert not first.done()
        second = batching.submit(image(2), RULES)
        assert (number_of(first.result(5)), number_of(second.result(5))) == (1, 2) and detect.batches == [[1, 2]]
    with batching.place(), batching.place():
        start = time.monotonic()
        assert number_of(batching.submit(image(3), RULES).result(5)) == 3
        assert 0.5 < time.monotonic() - start < 3


def test_those_by_other_rules_go_by_themselves_in_their_order(make):
    detect = Counting()
    batching = make(detect, gather=0.0)
    detect.goes_on.clear()
    other = Selection(confidence=0.5)
    plan = [(0, RULES), (1, RULES), (2, other), (3, RULES), (4, other), (5, RULES)]
    answers = [batching.submit(image(number), rules) for number, rules in plan]
    time.sleep(0.1)
    detect.goes_on.set()
    assert [number_of(answer.result(5)) for answer in answers] == [0, 1, 2, 3, 4, 5]
    by_rules = {number: rules for batch, rules in zip(detect.batches, detect.rules) for number in batch}
    assert by_rules == dict(plan)


def test_no_more_than_there_are_places_for(make):
    batching = make(Counting(), places=2)
    with batching.place(), batching.place(), pytest.raises(Full), batching.place():
        pass
    with batching.place():
        assert batching.inside == 1


def test_a_failure_reaches_those_of_its_batch_alone(make):
    batching = make(Counting(), most=1)
    with pytest.raises(ValueError, match="the network broke"):
        ask(batching, 255)
    assert ask(batching, 7) == 7 and batching.works


def test_what_nobody_waits_for_is_not_computed(make):
    detect = Counting()
    batching = make(detect, most=1, gather=0.0)
    detect.goes_on.clear()
    first, given_up, last = (batching.submit(image(number), RULES) for number in (1, 2, 3))
    time.sleep(0.05)
    assert given_up.cancel()
    detect.goes_on.set()
    assert (number_of(first.result(5)), number_of(last.result(5))) == (1, 3) and detect.batches == [[1], [3]]


def test_what_was_taken_is_answered_before_the_end(make):
    detect = Counting(0.05)
    batching = make(detect, most=2)
    answers: list[Future] = []
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, batching, number) for number in range(8)]
        while batching.inside < 8:
            time.sleep(0.001)
        batching.close()
        answers = [each.result(5) for each in asked]
    assert answers == list(range(8)) and not batching.works
    with pytest.raises(Full), batching.place():
        pass


def test_batches_are_told(make):
    told: list[tuple[int, float]] = []
    batching = make(Counting(0.01), seen=lambda size, seconds: told.append((size, seconds)))
    ask(batching, 1)
    batching.close()
    assert [size for size, _ in told] == [1] and told[0][1] >= 0.01
