"""Pascal VOC's average precision, against a slow reading of the development kit's rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.evaluation.voc import voc_metric
from yolov3.structures import Sample

Box = tuple[int, int, int, int]
Truth = tuple[Box, int, bool]  # box, label, difficult
Found = tuple[Box, float, int]  # box, score, label


def data_set(images: list[list[Truth]], names: tuple[str, ...]) -> Dataset:
    samples = []
    for number, truths in enumerate(images):
        boxes = np.array([box for box, _, _ in truths], np.float32).reshape(-1, 4)
        labels = np.array([label for _, label, _ in truths], np.int64)
        difficult = np.array([flag for _, _, flag in truths], bool)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        samples.append(Sample(Path(f"{number}.jpg"), (99, 99), boxes, labels, difficult, areas, str(number)))
    return Dataset(tuple(samples), names, tuple(range(len(names))), DatasetReport(), "made up")


def as_detections(images: list[list[Found]]) -> list[Detections]:
    return [
        Detections(
            torch.tensor([box for box, _, _ in found], dtype=torch.float32).reshape(-1, 4),
            torch.tensor([score for _, score, _ in found], dtype=torch.float32),
            torch.tensor([label for _, _, label in found], dtype=torch.int64),
        )
        for found in images
    ]


def slow_iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow_curve(images: list[list[Truth]], found: list[list[Found]], label: int) -> tuple[list[tuple[int, int]], int]:
    """((right so far, wrong so far) after each detection of a class that counts, number of truths that count)."""
    every = [(score, image, box) for image, part in enumerate(found) for box, score, own in part if own == label]
    every.sort(key=lambda entry: -entry[0])  # stable
    used: set[tuple[int, int]] = set()
    right = wrong = 0
    curve = []
    for _, image, box in every:
        best, best_place = -1.0, -1
        for place, (truth, own, _) in enumerate(images[image]):
            if own == label and slow_iou(box, truth) > best:
                best, best_place = slow_iou(box, truth), place
        if best >= 0.5:
            if images[image][best_place][2]:
                continue
            if (image, best_place) in used:
                wrong += 1
            else:
                used.add((image, best_place))
                right += 1
        else:
            wrong += 1
        curve.append((right, wrong))
    return curve, sum(own == label and not difficult for part in images for _, own, difficult in part)


def slow_eleven_points(curve: list[tuple[int, int]], truths: int) -> float:
    total = 0.0
    for tenth in range(11):
        precisions = [right / (right + wrong) for right, wrong in curve if right * 10 >= tenth * truths]
        total += max(precisions, default=0.0)
    return total / 11


def slow_area(curve: list[tuple[int, int]], truths: int) -> float:
    """The kit's VOCap: a staircase below the best precision at each recall or beyond."""
    recalls = [0.0, *(right / truths for right, _ in curve), 1.0]
    precisions = [0.0, *(right / (right + wrong) for right, wrong in curve), 0.0]
    for place in range(len(precisions) - 2, -1, -1):
        precisions[place] = max(precisions[place], precisions[place + 1])
    return sum((recalls[i] - recalls[i - 1]) * precisions[i] for i in range(1, len(recalls)))


@some.composite
def boxes(draw: some.DrawFn) -> Box:
    # Few places and sizes, so that overlaps of exactly one half, twins and ties come up.
    x, y = draw(some.integers(0, 4)), draw(some.integers(0, 2))
    return x, y, x + draw(some.integers(1, 4)), y + draw(some.integers(1, 3))


NUM_CLASSES = 3
truths = some.lists(some.tuples(boxes(), some.integers(0, NUM_CLASSES - 2), some.booleans()), max_size=5)
finds = some.lists(
    some.tuples(boxes(), some.sampled_from([0.125, 0.25, 0.5, 0.75, 1.0]), some.integers(0, NUM_CLASSES - 1)),
    max_size=8,
)


@settings(max_examples=400, deadline=None)
@given(some.lists(some.tuples(truths, finds), max_size=4))
def test_as_a_slow_reading_of_the_rules(pairs: list[tuple[list[Truth], list[Found]]]) -> None:
    images, found = [truth for truth, _ in pairs], [part for _, part in pairs]
    result = voc_metric(data_set(images, ("a", "b", "c")), as_detections(found))
    expected_07, expected_10 = [], []
    for label, row in enumerate(result.per_class):
        curve, count = slow_curve(images, found, label)
        assert row.truths == count
        if count == 0:
            assert row.ap07 is None and row.ap10 is None
            continue
        assert row.ap07 == pytest.approx(slow_eleven_points(curve, count), abs=1e-12)
        assert row.ap10 == pytest.approx(slow_area(curve, count), abs=1e-12)
        expected_07.append(row.ap07)
        expected_10.append(row.ap10)
    for mean, values in ((result.mean_07, expected_07), (result.mean_10, expected_10)):
        assert mean == (pytest.approx(np.mean(values)) if values else None)


A, B, FAR = (0, 0, 10, 10), (20, 20, 40, 40), (60, 60, 70, 70)


def measure(truth: list[Truth], found: list[Found]) -> tuple[float | None, float | None]:
    result = voc_metric(data_set([truth], ("a",)), as_detections([found]))
    return result.mean_07, result.mean_10


def test_perfect_detections_give_one() -> None:
    assert measure([(A, 0, False), (B, 0, False)], [(A, 0.9, 0), (B, 0.3, 0)]) == (1, 1)


def test_perfect_detections_in_a_third_of_the_recall_give_a_third() -> None:
    eleven, area = measure([(A, 0, False), (B, 0, False), (FAR, 0, False)], [(A, 0.9, 0)])
    assert area == pytest.approx(1 / 3)
    assert eleven == pytest.approx(4 / 11)  # recalls 0, 0.1, 0.2, 0.3


def test_a_recall_of_three_tenths_is_reached_by_three_of_ten() -> None:
    # In floating point 3 / 10 < 3 * 0.1.
    truth = [((20 * i, 0, 20 * i + 10, 10), 0, False) for i in range(10)]
    assert measure(truth, [(box, 0.9, 0) for box, _, _ in truth[:3]])[0] == pytest.approx(4 / 11)


def test_a_second_detection_of_an_object_is_wrong() -> None:
    assert measure([(A, 0, False), (B, 0, False)], [(A, 0.9, 0), (A, 0.8, 0), (B, 0.7, 0)])[1] == pytest.approx(5 / 6)


def test_there_is_no_second_choice() -> None:
    near = (1, 0, 11, 10)  # overlaps A by 9 / 11
    found = [(A, 0.9, 0), ((0, 0, 10, 11), 0.8, 0)]  # both overlap A most
    assert measure([(A, 0, False), (near, 0, False)], found)[1] == pytest.approx(0.5)


def test_difficult_objects_are_neither_right_nor_wrong_nor_missed() -> None:
    truth = [(A, 0, False), (B, 0, True)]
    assert measure(truth, [(B, 0.9, 0), (B, 0.8, 0), (A, 0.7, 0)]) == (1, 1)
    assert measure(truth, [(A, 0.7, 0)]) == (1, 1)
    assert measure([(B, 0, True)], [(B, 0.9, 0)]) == (None, None)


def test_an_overlap_of_one_half_is_enough() -> None:
    assert measure([((0, 0, 10, 10), 0, False)], [((0, 0, 10, 5), 0.9, 0)]) == (1, 1)
    assert measure([((0, 0, 100, 100), 0, False)], [((0, 0, 100, 49), 0.9, 0)]) == (0, 0)


def test_no_detections_and_no_truths() -> None:
    assert measure([(A, 0, False)], []) == (0, 0)
    assert measure([], [(A, 0.9, 0)]) == (None, None)
    empty = voc_metric(data_set([], ("a", "b")), [])
    assert empty.mean_07 is None and [row.truths for row in empty.per_class] == [0, 0]


def test_classes_without_truths_do_not_lower_the_mean() -> None:
    found = [[(A, 0.9, 0), (B, 0.9, 1), (FAR, 0.9, 2)]]
    result = voc_metric(data_set([[(A, 0, False), (B, 1, True)]], ("a", "b", "c")), as_detections(found))
    assert result.mean_10 == 1
    assert [row.ap10 for row in result.per_class] == [1, None, None]
    assert [row.difficult for row in result.per_class] == [0, 1, 0]


def test_numbers_that_are_none_are_dropped() -> None:
    found = [Detections(torch.tensor([[float("nan")] * 4]), torch.tensor([0.9]), torch.tensor([0]))]
    assert voc_metric(data_set([[(A, 0, False)]], ("a",)), found).mean_10 == 0


def test_plain_values_have_the_names_of_metrics_json() -> None:
    result = voc_metric(data_set([[(A, 0, False), (B, 1, True)]], ("a", "b")), as_detections([[(A, 0.9, 0)]]))
    assert result.as_plain() == {
        "AP07": 1.0, "AP10+": 1.0, "per_class": [
            {"name": "a", "truths": 1, "difficult": 0, "AP07": 1.0, "AP10+": 1.0},
            {"name": "b", "truths": 0, "difficult": 1, "AP07": None, "AP10+": None},
        ],
    }  # fmt: skip
