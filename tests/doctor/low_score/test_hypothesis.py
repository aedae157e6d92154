"""When a hypothesis is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yolov3.doctor.low_score.hypothesis import Guess, Hypothesis, Score, best_of


def hypothesis(baseline: float, ap50: float, kind: str = "masks", words: str = "") -> Hypothesis:
    return Hypothesis(kind, words, ap50, baseline, "do this")


@pytest.mark.parametrize(
    ("baseline", "ap50", "explains"),
    [
        (0.0, 0.11, True),
        (0.0, 0.09, False),  # too little to be more than chance
        (0.28, 0.46, True),
        (0.47, 0.52, False),
        (0.5, 0.62, False),  # much, and a quarter of it
        (0.85, 0.99, True),  # cannot be 1.3 times as much, but leaves a fifteenth of what was missing
        (0.4, 0.3, False),
    ],
)
def test_large_gains_are_named(baseline, ap50, explains):
    assert hypothesis(baseline, ap50).explains is explains


def test_colours_matter_less_and_are_told_sooner():
    assert hypothesis(0.408, 0.468, "colours").explains and not hypothesis(0.408, 0.468, "fit").explains
    assert not hypothesis(0.468, 0.49, "colours").explains


def test_the_plainest_kind_of_those_that_are_as_good_is_named_at_its_best():
    weak, plain, better = (hypothesis(0.1, ap50, "fit") for ap50 in (0.15, 0.58, 0.59))
    odd, best = (hypothesis(0.1, ap50, "size") for ap50 in (0.595, 0.6))
    assert best_of([weak, plain, better, odd, best]) is better
    assert best_of([weak, odd, best]) is best
    assert best_of([hypothesis(0.1, 0.4, "fit"), best]) is best
    tight = replace(plain, ap75=0.5)
    assert best_of([plain, tight, better]) is tight
    assert best_of([weak]) is None and best_of([]) is None


def test_a_guess_becomes_a_hypothesis():
    tried = Guess("fit", "it was stretched", "give --fit stretch", 0.2, lambda: Score(0.7, 0.4)).tried()
    assert tried == Hypothesis("fit", "it was stretched", 0.7, 0.2, "give --fit stretch", 0.4)
    assert tried.gain == pytest.approx(0.5)
    assert tried.as_plain() == {
        "kind": "fit", "words": "it was stretched", "ap50": 0.7, "baseline": 0.2, "fix": "give --fit stretch",
        "ap75": 0.4,
    }  # fmt: skip
