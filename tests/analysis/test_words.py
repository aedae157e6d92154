"""Each rule speaks when it should and is silent when it should not."""

from __future__ import annotations

import pytest

from yolov3.analysis.analysis import AnalysisSettings, analyse
from yolov3.analysis.words import Finding


def findings_of(world, samples, found, names=("cat", "dog"), thresholds=None) -> list[Finding]:
    dataset = world.data(*samples, names=names)
    settings = AnalysisSettings(rounds=20, thresholds=thresholds)
    return list(analyse(dataset, found, strides=(32, 16, 8), settings=settings).findings)


def texts(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings)


def grid(side: float, count: int = 10, top: float = 0) -> list[list[float]]:
    return [[x, top, x + side, top + side] for x in (50.0 * k for k in range(count))]


def test_a_perfect_model_is_told_nothing_bad(world) -> None:
    samples = [world.sample(k, grid(40), [0, 1] * 5) for k in range(1, 9)]
    found = [world.found(grid(40), [0.99] * 10, [0, 1] * 5) for _ in samples]
    findings = findings_of(world, samples, found)
    assert [finding.text for finding in findings] == [
        "one threshold for all classes is best at 0.989998: precision 1.00, recall 1.00, F1 1.00"
    ]


def test_costs_come_first_and_the_most_costly_at_the_top(world) -> None:
    samples = [world.sample(k, grid(40), [0] * 5 + [1] * 5) for k in range(1, 9)]
    alarms = [[x, 300, x + 40, 340] for x in (0.0, 100.0, 200.0)]
    boxes = [*alarms, *grid(40, 9)]
    found = [world.found(boxes, [0.9] * 3 + [0.8] * 9, [0] * 3 + [0] * 5 + [1] * 4) for _ in samples]
    findings = findings_of(world, samples, found)
    points = [finding.points for finding in findings if finding.points is not None]
    assert points == sorted(points, reverse=True) and len(points) == 2
    assert [finding.points is None for finding in findings] == [False] * 2 + [True] * (len(findings) - 2)
    assert findings[0].text.startswith(
        "false alarms on the background cost 18.8 points of AP50, most of them cat (18.8)"
    )
    assert findings[1].text == "objects that nothing finds cost 9.9 points of AP50, most of them dog (9.9)"


def test_one_class_is_not_named(world) -> None:
    samples = [world.sample(1, grid(40), [0] * 10)]
    found = [world.found(grid(40, 5), [0.9] * 5, [0] * 5)]
    assert "objects that nothing finds cost 49.5 points of AP50" in [
        finding.text for finding in findings_of(world, samples, found, names=("cat",))
    ]


@pytest.mark.parametrize(("side", "speaks"), [(12, True), (40, False)])
def test_small_objects_that_are_not_found(world, side: int, speaks: bool) -> None:
    boxes = [*grid(40), *grid(side, top=100)]
    samples = [world.sample(k, boxes, [0] * 20) for k in (1, 2)]
    found = [world.found(boxes[:11], [0.9] * 11, [0] * 11) for _ in samples]
    findings = findings_of(world, samples, found)
    sentence = "100 % of the objects that are not found are smaller than 2 cells of the finest level"
    assert (sentence in texts(findings)) == speaks
    advice = [finding.advice for finding in findings if "cells" in finding.text]
    assert advice == ["try a larger input, or a network with a finer level"] * speaks


@pytest.mark.parametrize("crowded", [True, False])
def test_crowded_objects(world, crowded: bool) -> None:
    boxes = grid(40)
    boxes += [[x + 20, 0, x + 60, 40] if crowded else [x, 200, x + 40, 240] for x, *_ in boxes]
    samples = [world.sample(k, [*boxes, *grid(40, top=100)], [0] * 30) for k in range(1, 4)]
    found = [world.found([*boxes[:10], *grid(40, top=100)], [0.9] * 20, [0] * 20) for _ in samples]
    sentence = "objects that overlap each other are found less often: 50 % of them, 100 % of the others"
    assert (sentence in texts(findings_of(world, samples, found))) == crowded


def test_shapes_and_places(world) -> None:
    wide = [[0.0, 350.0 + 18 * k, 160.0, 360.0 + 18 * k] for k in range(8)]
    samples = [world.sample(k, [*grid(40), *wide], [0] * 18) for k in range(1, 4)]
    found = [world.found(grid(40), [0.9] * 10, [0] * 10) for _ in samples]
    told = texts(findings_of(world, samples, found))
    assert "objects with a width by height of 3 and more are found less often: 0 % of them, 100 % of the others" in told
    assert "objects at the bottom left of the image are found less often: 0 % of them" in told
    found = [world.found([*grid(40), *wide], [0.9] * 18, [0] * 18) for _ in samples]
    assert "less often" not in texts(findings_of(world, samples, found))


@pytest.mark.parametrize(("score", "words"), [(0.9, "too high by 0.40"), (0.1, "too low by 0.40"), (0.55, None)])
def test_scores_that_promise_too_much_or_too_little(world, score: float, words: str | None) -> None:
    samples = [world.sample(k, grid(40), [0] * 10) for k in (1, 2)]
    boxes = [*grid(40), *grid(40, top=200)]
    found = [world.found(boxes, [score] * 20, [0] * 20) for _ in samples]
    told = texts(findings_of(world, samples, found, thresholds=(0.05, 0.05)))
    assert (f"scores are {words} on average" in told) if words else "scores" not in told


def test_labels_that_look_wrong(world) -> None:
    samples = [world.sample(k, [*grid(40), [400, 400, 480, 480]], [0] * 11) for k in (1, 2)]
    found = [world.found([[300, 300, 340, 340], *grid(40)], [0.95] + [0.9] * 10, [0] * 11) for _ in samples]
    told = texts(findings_of(world, samples, found))
    assert "2 labels may be missing: sure detections where nothing is labelled" in told
    assert "nothing comes near 2 labels at any score: wrong labels, or objects too hard to see" in told


def test_rare_and_absent_classes(world) -> None:
    samples = [world.sample(1, grid(40), [0] * 6 + [1] * 4), world.sample(2, grid(40), [0] * 10)]
    found = [world.found(grid(40), [0.9] * 10, [0] * 6 + [1] * 4), world.found(grid(40), [0.9] * 10, [0] * 10)]
    told = texts(findings_of(world, samples, found, names=("cat", "dog", "cow")))
    assert "1 class with fewer than 10 objects, whose AP says little: dog (4)" in told
    assert "1 class without any object, which nothing is known of: cow" in told


def test_few_images_and_loose_boxes(world) -> None:
    samples = [world.sample(k, grid(40), [0] * 10) for k in range(1, 7)]
    loose = [[x + 6, y + 6, r + 6, b + 6] for x, y, r, b in grid(40)]
    found = [world.found(loose[: 2 + k], [0.9] * (2 + k), [0] * (2 + k)) for k in range(6)]
    told = texts(findings_of(world, samples, found))
    assert "6 images cannot say much: AP50 lies between 0." in told
    assert "boxes are loose: AP over all overlaps is 0.0" in told
    assert "fewer than 5 images have objects" in texts(findings_of(world, samples[:4], found[:4]))
    assert "boxes are loose" not in texts(
        findings_of(world, samples, [world.found(grid(40), [0.9] * 10, [0] * 10)] * 6)
    )


def test_nothing_to_be_found_and_nothing_found(world) -> None:
    none = world.found([], [], [])
    assert [f.text for f in findings_of(world, [world.sample(1, [], [])], [none])] == [
        "there is nothing to be found, so nothing can be measured"
    ]
    findings = findings_of(world, [world.sample(1, grid(40), [0] * 10)], [none])
    assert findings[0].text == "nothing is found at all"
    assert findings[1].text == "objects that nothing finds cost 100.0 points of AP50, most of them cat (100.0)"
