"""What is said of a trial, from its numbers alone."""

from __future__ import annotations

import json

import pytest

from yolov3.doctor.learning.verdict import LossCourse, high_term, is_learnt, judged


def course(name: str, first: float, last: float, least: float = 0.0) -> LossCourse:
    return LossCourse(name, first, last, least)


FALLEN = tuple(course(name, 50.0, 0.5) for name in ("box", "objectness", "classes"))


def test_what_is_left_of_a_term():
    assert course("box", first=10.0, last=6.0, least=2.0).left == pytest.approx(0.5)
    assert course("box", first=10.0, last=1.9, least=2.0).left == 0
    assert course("box", first=0.0, last=0.0).left == 0 and course("box", first=0.0, last=0.0).is_idle
    assert not course("box", first=0.1, last=0.0).is_idle


@pytest.mark.parametrize(
    ("ap50", "attainable", "learnt"),
    [(0.9, 1.0, True), (0.89, 1.0, False), (0.81, 0.9, True), (0.8, 0.9, False), (0.0, 0.0, False)],
)
def test_it_is_learnt_where_nearly_all_is_known_that_can_be(ap50, attainable, learnt):
    assert is_learnt(ap50, attainable) == learnt
    trial = judged(8, (160, 160), 400, (ap50, attainable), FALLEN, None)
    assert trial.learnt == learnt and ("it can learn" in trial.verdict) == learnt
    assert ("objects that share a place" in trial.verdict) == (attainable < 0.99)
    assert json.loads(json.dumps(trial.as_plain()))["learnt"] == learnt


def test_the_highest_term_is_blamed_and_one_without_weight_before_it():
    assert high_term(FALLEN) is None
    assert high_term((*FALLEN[:2], course("classes", 50.0, 20.0))).name == "classes"
    assert high_term((course("box", 50.0, 40.0), FALLEN[1], course("classes", 50.0, 20.0))).name == "box"
    assert high_term((course("box", 50.0, 40.0), FALLEN[1], course("classes", 0.0, 0.0))).name == "classes"


def test_each_end_has_its_words():
    def verdict(terms=FALLEN, fault=None):
        return judged(8, (160, 160), 400, (0.3, 1.0), terms, fault).verdict

    assert verdict() == (
        "8 images in 400 steps: AP50 0.300 on them; though the loss fell: it learns, and needs more steps than it had here"
    )
    assert "the loss is not finite, again and again" in verdict(fault="the loss is not finite")
    assert "the term box of the loss stays high, 80% of it is left: look at the boxes" in verdict(
        (course("box", 50.0, 40.0), *FALLEN[1:])
    )
