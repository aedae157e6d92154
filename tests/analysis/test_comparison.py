"""Better, worse, the same; won and lost by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from yolov3.analysis.analysis import AnalysisSettings, analyse
from yolov3.analysis.comparison import ImageChange, TruthChange, compare

SETTINGS = AnalysisSettings(rounds=100)


def analysed(dataset, found, **changes):
    return analyse(dataset, found, strides=(32, 16, 8), settings=replace(SETTINGS, **changes))


def test_the_better_one_is_told_with_its_interval(world) -> None:
    dataset, found = world.random(2, images=60)
    worse = [one[one.scores < 0.6] for one in found]
    good, bad = analysed(dataset, found), analysed(dataset, worse)
    for first, second, sign in ((bad, good, 1), (good, bad, -1)):
        comparison = compare(first, second, names=("old", "new"))
        difference = comparison.difference.ap50
        values = [one.evidence.intervals.ap50.value for one in (first, second)]
        assert difference.value == pytest.approx(values[1] - values[0]) and difference.value * sign > 0
        assert difference.low < difference.value < difference.high and difference.low * difference.high > 0
        assert comparison.verdict.startswith(f"{'new' if sign > 0 else 'old'} is better: AP50 +")
        assert f"{abs(difference.value) * 100:+.1f} [" in comparison.verdict
        assert len(comparison.difference.classes) == 3
        json.dumps(comparison.as_plain(), allow_nan=False)


def test_noise_is_no_difference(world) -> None:
    dataset, found = world.random(2, images=30)
    random = np.random.default_rng(3)
    other = [
        replace(one, scores=one.scores + world.found([[0, 0, 1, 1]] * len(one), random.normal(0, 0.01, len(one)).tolist(),
                                                     [0] * len(one)).scores)
        for one in found
    ]  # fmt: skip
    comparison = compare(analysed(dataset, found), analysed(dataset, other))
    assert comparison.verdict.startswith("no difference that 30 images could show: AP50 ")
    same = compare(analysed(dataset, found), analysed(dataset, found))
    assert (same.num_won, same.num_lost, same.images) == (0, 0, ())
    assert same.verdict == "no difference that 30 images could show: AP50 +0.0 [+0.0, +0.0]"


def test_what_was_won_and_lost(world) -> None:
    boxes = [[0, 0, 40, 40], [100, 0, 180, 80], [200, 0, 240, 40]]
    dataset = world.data(
        world.sample(1, boxes, [0, 1, 0]), world.sample(2, boxes[:1], [1]), world.sample(3, boxes[:1], [0], [True])
    )
    none = world.found([], [], [])
    first = [world.found([boxes[0], [300, 300, 340, 340]], [0.9, 0.8], [0, 0]), none, none]
    second = [
        world.found(boxes[1:], [0.9, 0.8], [1, 0]),
        world.found(boxes[:1], [0.9], [1]),
        world.found(boxes[:1], [0.9], [0]),
    ]
    thresholds = (0.5, 0.5)
    comparison = compare(
        analysed(dataset, first, thresholds=thresholds), analysed(dataset, second, thresholds=thresholds)
    )
    assert comparison.won == (TruthChange(0, 1, "dog"), TruthChange(0, 2, "cat"), TruthChange(1, 0, "dog"))
    assert comparison.lost == (TruthChange(0, 0, "cat"),) and (comparison.num_won, comparison.num_lost) == (3, 1)
    assert comparison.images == (ImageChange(0, 3, 1), ImageChange(1, 1, 0))
    few = compare(
        analysed(dataset, first, thresholds=thresholds), analysed(dataset, second, thresholds=thresholds), most=1
    )
    assert (few.num_won, few.won, few.images) == (3, comparison.won[:1], comparison.images[:1])


def test_nothing_to_be_found(world) -> None:
    dataset = world.data(world.sample(1, [], []))
    analysis = analysed(dataset, [world.found([], [], [])])
    assert compare(analysis, analysis).verdict == "nothing can be said: there are no truths"


def test_what_cannot_be_compared_is_refused(world) -> None:
    dataset, found = world.random(2, images=5)
    analysis = analysed(dataset, found)
    for other in (dataset.part([0, 1, 2, 3]), dataset.part([1, 0, 2, 3, 4]), replace(dataset, names=("a", "b", "c"))):
        with pytest.raises(ValueError, match="not measured on the same images"):
            compare(analysis, analysed(other, found[: len(other)]))
    with pytest.raises(ValueError, match=r"not drawn alike: \(seed, rounds\) are \(0, 100\) and \(1, 100\)"):
        compare(analysis, analysed(dataset, found, seed=1))
