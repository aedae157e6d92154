"""Galleries: each case by hand, and on random data that every case is what its gallery says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.analysis.cases import Case, Gallery, find_galleries, overlaps_between
from yolov3.analysis.confusion import Confusion, confuse
from yolov3.analysis.errors import find_errors
from yolov3.boxes import iou_matrix


def galleries_of(world, dataset, found, thresholds, **more) -> tuple[Confusion, dict[str, Gallery]]:
    matching = world.match(dataset, found)
    confusion = confuse(matching, thresholds)
    return confusion, {one.name: one for one in find_galleries(confusion, find_errors(matching), **more)}


@pytest.mark.parametrize("seed", range(3))
def test_every_case_is_what_its_gallery_says(world, seed: int) -> None:
    dataset, found = world.random(seed, images=40, skill=0.15)
    thresholds = (0.4, 0.4, 0.5)
    confusion, galleries = galleries_of(world, dataset, found, thresholds, most=1000)
    assert all(galleries[name].total > 0 for name in galleries if name != "unlabelled"), galleries
    for name, gallery in galleries.items():
        assert gallery.total == len(gallery.cases) == len({(c.image, c.detection, c.truth) for c in gallery.cases})
        for case in gallery.cases:
            sample, one = dataset.samples[case.image], found[case.image]
            iou = iou_matrix(one.boxes, torch.from_numpy(sample.boxes)).numpy()
            iou[:, sample.ignore] = 0
            same = one.labels.numpy()[:, None] == sample.labels[None, :]
            if case.detection is not None:
                label = int(one.labels[case.detection])
                assert case.score == pytest.approx(float(one.scores[case.detection])) and case.score > thresholds[label]
                assert case.words.startswith(f"class {label} {case.score:.2f}")
                own = np.max(iou[case.detection] * same[case.detection], initial=0)
            if case.iou is not None:
                assert case.iou == pytest.approx(iou[case.detection, case.truth], abs=1e-4)
            if name in ("false alarms", "unlabelled"):
                assert case.truth is None and iou[case.detection].max(initial=0) < 0.1
            elif name == "missed":
                assert case.detection is None and "missed" in case.words
            elif name == "confusions":
                assert case.iou >= 0.5 and not same[case.detection, case.truth]
            elif name == "misplaced":
                assert 0.1 <= case.iou < 0.5 and own < 0.5 and same[case.detection, case.truth]
            elif name == "loose":
                assert 0.5 <= case.iou < 0.75 and same[case.detection, case.truth]
            elif name == "duplicates":
                assert case.iou >= 0.5 and same[case.detection, case.truth]
            elif name == "never found":
                assert iou[:, case.truth].max(initial=0) < 0.1 and not sample.ignore[case.truth]
    for name in ("false alarms", "confusions", "misplaced", "duplicates", "unlabelled"):
        assert (np.diff([case.score for case in galleries[name].cases]) <= 0).all()
    assert (np.diff([case.iou for case in galleries["loose"].cases]) >= 0).all()
    missed = {(pair.image, pair.truth) for cell, pairs in confusion.cells().items() for pair in pairs if cell[1] == 3}
    assert {(case.image, case.truth) for case in galleries["missed"].cases} == missed
    json.dumps([one.as_plain() for one in galleries.values()], allow_nan=False)


def test_one_of_each(world) -> None:
    boxes = [[x, 0, x + 40, 40] for x in range(0, 420, 60)]
    sure = [[x, 0, x + 40, 40] for x in range(0, 500, 50)]
    many = world.sample(3, sure, [1] * 10)  # else nothing would be sure
    dataset = world.data(world.sample(1, boxes[:5], [0, 1, 0, 0, 1]), world.sample(2, [[0, 0, 400, 400]], [1]), many)
    found = world.found(
        [boxes[0], [2, 0, 42, 40], boxes[1], [120, 0, 160, 15], [180, 0, 220, 25], boxes[6], boxes[4]],
        [0.9, 0.85, 0.8, 0.7, 0.6, 0.95, 0.1],
        [0, 0, 0, 0, 0, 0, 1],
    )
    _, galleries = galleries_of(
        world, dataset, [found, world.found([], [], []), world.found(sure, [0.99] * 10, [1] * 10)], (0.5, 0.5)
    )
    assert galleries["false alarms"].cases == (
        Case(0, 5, None, pytest.approx(0.95), None, "cat 0.95 where there is nothing"),
    )
    assert galleries["unlabelled"].cases[0].words == "cat 0.95, nothing is labelled here"
    assert [(c.truth, c.words) for c in galleries["missed"].cases] == [
        (0, "dog missed, nothing is near"),
        (2, "cat missed, the nearest is cat 0.70, IoU 0.38"),
        (4, "dog missed, the nearest is dog 0.10, IoU 1.00"),
    ]
    assert galleries["confusions"].cases == (Case(0, 2, 1, pytest.approx(0.8), pytest.approx(1), "cat 0.80 is a dog"),)
    assert galleries["misplaced"].cases[0].words == "cat 0.70 overlaps its cat by 0.38"
    assert galleries["loose"].cases[0].words == "cat 0.60 overlaps its cat by 0.62"
    assert galleries["duplicates"].cases[0].words == "cat 0.85 is a cat that another detection has found"
    assert galleries["never found"].cases == (Case(1, None, 0, None, None, "dog that nothing comes near"),)
    assert [one.total for one in galleries.values()] == [1, 3, 1, 1, 1, 1, 1, 1]


def test_no_more_than_wanted_and_the_total_is_told(world) -> None:
    dataset, found = world.random(0, images=40)
    _, whole = galleries_of(world, dataset, found, (0.2,) * 3, most=1000)
    _, few = galleries_of(world, dataset, found, (0.2,) * 3, most=2)
    for name, gallery in few.items():
        assert (gallery.total, gallery.cases) == (whole[name].total, whole[name].cases[:2])


def test_a_detection_in_a_crowd_is_not_unlabelled(world) -> None:
    boxes = [[0, 0, 40, 40], [100, 0, 300, 200]]
    dataset = world.data(world.sample(1, boxes, [0, 1], [False, True]))
    found = world.found([boxes[0], [120, 20, 150, 50], [400, 400, 440, 440]], [0.9, 0.95, 0.92], [0, 0, 0])
    sure = [[x, 0, x + 40, 40] for x in range(0, 500, 50)]
    more, again = world.sample(2, sure, [1] * 10), world.found(sure, [0.99] * 10, [1] * 10)
    dataset = replace(dataset, samples=(*dataset.samples, more))
    _, galleries = galleries_of(world, dataset, [found, again], (0.4, 0.4))
    assert [case.detection for case in galleries["unlabelled"].cases] == [2]


def test_a_model_that_is_sure_of_nothing_suspects_no_label(world) -> None:
    boxes = [[x, 0, x + 40, 40] for x in range(0, 420, 60)]
    dataset = world.data(world.sample(1, boxes[:3], [0] * 3))
    found = world.found(boxes, [0.3, 0.31, 0.32, 0.5, 0.45, 0.4, 0.35], [0] * 7)
    _, galleries = galleries_of(world, dataset, [found], (0.1, 0.1))
    assert galleries["false alarms"].total == 4 and galleries["unlabelled"].total == 0


def test_overlaps_of_pairs(world) -> None:
    overlaps = world.match(*world.random(1)).overlaps
    order = np.random.default_rng(0).permutation(len(overlaps.pair_iou))
    values = overlaps_between(overlaps, overlaps.pair_found[order], overlaps.pair_truth[order])
    np.testing.assert_array_equal(values, overlaps.pair_iou[order])
    assert overlaps_between(overlaps, np.array([0]), np.array([-1])).tolist() == [0]


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    _, galleries = galleries_of(world, dataset, [world.found(boxes * found, [0.5] * found, [1] * found)], (0.4, 0.4))
    assert {name: one.total for name, one in galleries.items() if one.total} == {
        **({"confusions": 1} if found and true else {}),
        **({"missed": 1, "never found": 1} if true and not found else {}),
        **({"false alarms": 1} if found and not true else {}),
    }
