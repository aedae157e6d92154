"""The confusion's sums are those of precision and recall, and every count can be shown."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from yolov3.analysis.confusion import Pair, confuse
from yolov3.analysis.curves import OperatingPoint, score_curves
from yolov3.boxes import iou_matrix


def test_sums_are_those_of_the_curves_at_the_threshold(world) -> None:
    for seed in range(4):
        matching = world.match(*world.random(seed, images=20))
        curves = score_curves(matching)
        confusion = confuse(matching, curves.best_thresholds())
        assert list(confusion.points()) == [curve.best() for curve in curves.classes]
        assert confusion.counts[:-1].sum(axis=1).tolist() == matching.truths_of_classes().tolist()
        counted = confusion.above & ~matching.ignored[0]
        assert confusion.counts[:, :-1].sum() == counted.sum() and confusion.counts[-1, -1] == 0
        off_diagonal = confusion.counts[:-1, :-1].sum() - confusion.counts.diagonal()[:-1].sum()
        assert off_diagonal > 0
        total = confusion.total()
        assert (total.right, total.wrong + total.right) == (confusion.counts.diagonal().sum(), counted.sum())


def test_the_cells_hold_what_is_counted(world) -> None:
    dataset, found = world.random(2, images=20)
    confusion = confuse(world.match(dataset, found), (0.3, 0.4, 0.5))
    cells, seen = confusion.cells(), set()
    for row, column in np.ndindex(confusion.counts.shape):
        own = cells.get((row, column), [])
        assert len(own) == confusion.counts[row, column]
        for image, detection, truth in own:
            assert not {(image, "d", detection), (image, "t", truth)} & seen
            seen |= {(image, *pair) for pair in (("d", detection), ("t", truth)) if pair[1] is not None}
            if detection is not None:
                assert found[image].labels[detection] == column
                assert found[image].scores[detection] > (0.3, 0.4, 0.5)[column]
            if truth is not None:
                assert dataset.samples[image].labels[truth] == row and not dataset.samples[image].ignore[truth]
            if detection is not None and truth is not None:
                box = torch.from_numpy(dataset.samples[image].boxes[truth])[None]
                assert iou_matrix(found[image].boxes[detection][None], box) >= 0.4999
        assert (row < 3) == all(pair.truth is not None for pair in own) or not own


def slow_confusion(dataset, found, thresholds) -> np.ndarray:
    """Of images without ignored truths, step by step."""
    num = len(dataset.names)
    counts = np.zeros((num + 1, num + 1), int)
    for sample, one in zip(dataset.samples, found):
        iou = iou_matrix(one.boxes, torch.from_numpy(sample.boxes)).numpy()
        kept = [k for k in range(len(one)) if one.scores[k] > thresholds[int(one.labels[k])]]
        kept.sort(key=lambda k: -float(one.scores[k]))
        free, left = set(range(len(sample.boxes))), []
        for same in (True, False):
            for k in kept if same else left:
                label = int(one.labels[k])
                options = [(iou[k, t], t) for t in free if iou[k, t] >= 0.5 and (sample.labels[t] == label) == same]
                if options:
                    truth = max(options)[1]
                    free.remove(truth)
                    counts[sample.labels[truth], label] += 1
                elif same:
                    left.append(k)
                else:
                    counts[num, label] += 1
        for truth in free:
            counts[sample.labels[truth], num] += 1
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_slow_way(world, seed: int) -> None:
    dataset, found = world.random(seed, images=15, decimals=6)
    for sample in dataset.samples:
        sample.ignore[:] = False
    thresholds = (0.2, 0.5, 0.1)
    confusion = confuse(world.match(dataset, found), thresholds)
    np.testing.assert_array_equal(confusion.counts, slow_confusion(dataset, found, thresholds))


def test_one_of_each(world) -> None:
    boxes = [[0, 0, 40, 40], [100, 0, 140, 40], [200, 0, 240, 40], [300, 0, 340, 40]]
    dataset = world.data(world.sample(1, boxes[:3], [0, 0, 1]))
    found = world.found([boxes[3], boxes[0], boxes[1], boxes[2]], [0.9, 0.8, 0.7, 0.2], [1, 0, 1, 1])
    confusion = confuse(world.match(dataset, [found]), (0.5, 0.2))
    assert confusion.counts.tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]  # a score of 0.2 is not above 0.2
    assert confusion.cells() == {
        (2, 1): [Pair(0, 0, None)], (0, 0): [Pair(0, 1, 0)], (0, 1): [Pair(0, 2, 1)], (1, 2): [Pair(0, None, 2)],
    }  # fmt: skip
    assert confusion.points() == [OperatingPoint(0.5, 1, 0, 1), OperatingPoint(0.2, 0, 2, 1)]
    plain = json.loads(json.dumps(confusion.as_plain(), allow_nan=False))
    assert plain["names"] == ["cat", "dog", "background"] and plain["classes"][0]["recall"] == 0.5


def test_what_is_ignored_is_no_part_of_it(world) -> None:
    box = [[0, 0, 40, 40]]
    dataset = world.data(world.sample(1, box, [0], [True]))
    found = world.found(box * 2, [0.9, 0.8], [0, 1])
    assert confuse(world.match(dataset, [found]), (0.5, 0.5)).counts.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    matching = world.match(dataset, [world.found(boxes * found, [0.5] * found, [0] * found)])
    confusion = confuse(matching, (0.4, 0.4))
    expected = np.zeros((3, 3), int)
    expected[0 if true else 2, 0 if found else 2] = found or true
    np.testing.assert_array_equal(confusion.counts, expected)
    assert json.dumps(confusion.as_plain(), allow_nan=False)


def test_another_first_threshold_is_refused(world) -> None:
    with pytest.raises(ValueError, match=r"must be 0\.5, found 0\.75"):
        confuse(world.match(world.data(), [], thresholds=(0.75,)), (0.5, 0.5))
