"""Boxes as a network sees them, beside a slow assignment of each object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.checks.view import NetworkView, check_at_start, check_network, objects_without_place
from yolov3.config.experiment import Experiment
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Sample

SIDE = 416


def dataset_of(*images: list[tuple[float, float, float, float]], labels=None, ignore=None) -> Dataset:
    """Images of the network's size, so that boxes are in its pixels."""
    samples = []
    for number, boxes in enumerate(images):
        table = np.array(boxes, np.float32).reshape(-1, 4)
        samples.append(
            Sample(
                Path(f"{number}.jpg"), (SIDE, SIDE), table, np.arange(len(table)) % 3,
                np.array(ignore[number] if ignore else [False] * len(table), bool), np.ones(len(table), np.float32), number,
            )
        )  # fmt: skip
    return Dataset(tuple(samples), ("a", "b", "c"), (0, 1, 2), DatasetReport(), "here")


@pytest.fixture(scope="module")
def view() -> NetworkView:
    return NetworkView.of(Experiment(), num_classes=3)


def around(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def slow_lost(dataset: Dataset, view: NetworkView) -> list[int]:
    """For each object the place of its best anchor by shape; of several in a place the last is learned."""
    lost = []
    for sample in dataset.samples:
        owner: dict[tuple, tuple] = {}
        boxes = {tuple(box) for box, ignored in zip(sample.boxes.tolist(), sample.ignore) if not ignored}
        for box, ignored in zip(sample.boxes.tolist(), sample.ignore):
            if ignored:
                continue
            width, height = box[2] - box[0], box[3] - box[1]
            best, place = -1.0, None
            for level in reversed(view.levels):
                for number, (w, h) in enumerate(level.anchors):
                    shared = min(width, w) * min(height, h)
                    iou = shared / (width * height + w * h - shared)
                    if iou > best + 1e-7:
                        column, row = ((box[axis] + box[axis + 2]) / 2 // level.stride for axis in (0, 1))
                        best, place = iou, (level.stride, number, column, row)
            owner[place] = tuple(box)
        lost.append(len(boxes - set(owner.values())))
    return lost


@pytest.mark.parametrize("seed", range(3))
def test_objects_without_a_place_are_those_of_the_slow_way(seed, view):
    generator = np.random.default_rng(seed)
    images, ignore = [], []
    for _ in range(12):
        count = int(generator.integers(0, 60))
        centres, sides = generator.uniform(170, 250, (count, 2)), generator.uniform(20, 60, (count, 2)).round()
        images.append([around(x, y, w, h) for (x, y), (w, h) in zip(centres.round().tolist(), sides.tolist())])
        ignore.append((generator.random(count) < 0.1).tolist())
    dataset = dataset_of(*images, ignore=ignore)
    assert objects_without_place(dataset, view) == slow_lost(dataset, view)
    assert sum(slow_lost(dataset, view)) > 10


def test_two_objects_of_one_shape_in_one_cell_share_a_place(view):
    """Of the anchor 30x61 on stride 16: one cell or two make the difference, and another shape too."""
    first = around(200, 200, 30, 60)
    assert objects_without_place(dataset_of([first, around(203, 203, 30, 60)]), view) == [1]
    assert objects_without_place(dataset_of([first, around(217, 203, 30, 60)]), view) == [0]
    assert objects_without_place(dataset_of([first, around(203, 203, 60, 45)]), view) == [0]
    assert objects_without_place(dataset_of([first, first]), view) == [0]  # doubled is another finding
    several = NetworkView(
        view.preprocessing, view.levels, Experiment().loss.model_copy(update={"assigner": "multi_anchor"})
    )
    assert objects_without_place(dataset_of([first, around(203, 203, 30, 60)]), several) == [1]


def spread(count: int, width: float, height: float) -> list[tuple[float, float, float, float]]:
    """Boxes of one size, a hundred pixels from each other."""
    return [around(60 + 100 * (n % 4), 60 + 100 * (n // 4), width + n % 5, height + n % 3) for n in range(count)]


def kinds(dataset: Dataset, view: NetworkView) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in check_network(dataset, view)}


def test_what_suits_the_network_is_not_told(view):
    suited = [around(60 + 100 * n, 100, w, h) for n, (w, h) in enumerate(((30, 61), (62, 45), (59, 90), (33, 23)))]
    assert kinds(dataset_of(*[suited] * 5), view) == {}
    assert kinds(dataset_of([]), view) == {}
    assert kinds(dataset_of([around(9, 9, 5, 5)], ignore=[[True]]), view) == {}


def test_small_objects_are_noted_and_many_of_them_warned_of(view):
    suited = spread(12, 30, 60)
    few = kinds(dataset_of(*[suited] * 2, [around(300, 300, 7, 7)]), view)
    assert few["small-object"] == ("note", 1)
    many = kinds(dataset_of(suited, [around(30 * n + 20, 300, 7, 7) for n in range(5)]), view)
    assert many["small-object"] == ("warning", 5)
    assert "small-object" not in kinds(dataset_of(suited, [around(300, 300, 8, 7)]), view)


def test_long_boxes_are_noted(view):
    found = kinds(dataset_of(spread(12, 30, 60), [around(200, 200, 300, 49), around(200, 200, 294, 50)]), view)
    assert found["long-box"] == ("note", 1)


def test_anchors_that_miss_the_data_are_warned_of_with_what_fitted_ones_would_give(view):
    (finding,) = [each for each in check_network(dataset_of(spread(16, 300, 40)), view) if each.kind == "poor-anchors"]
    assert finding.severity == "warning" and "recall of 0.000" in finding.what and "and 1.000" in finding.what
    assert finding.count == 16


def test_crowds_are_warned_of_and_the_worst_images_named_first(view):
    heap = [around(200, 200, 30 + n % 3, 60) for n in range(5)] + [around(201, 201, 30, 62)]
    findings = {each.kind: each for each in check_network(dataset_of(spread(4, 30, 60), heap[:2], heap), view)}
    crowded = findings["crowded-place"]
    assert crowded.severity == "warning"
    assert crowded.places[0].startswith("2.jpg: ") and crowded.places[1] == "1.jpg: 1"


def test_the_view_is_that_of_the_experiment():
    tiny = Experiment.model_validate({"model": {"variant": "yolov3-tiny", "image_size": (96, 160)}})
    view = NetworkView.of(tiny, num_classes=0)
    assert [level.stride for level in view.levels] == [32, 16] and view.words == "at 160x96"


@pytest.mark.parametrize(("matching", "warned"), [(100, False), (90, False), (89, True), (0, True)])
def test_a_training_warns_of_anchors_that_miss_much(matching, warned, view):
    """Boxes of one anchor's very shape, and others that fit no anchor by half."""
    boxes = [around(200, 200, 62, 45)] * matching + [around(200, 200, 400 + n % 7, 9) for n in range(100 - matching)]
    kinds = {each.kind: each for each in check_at_start(dataset_of(boxes), view)}
    assert ("poor-anchors" in kinds) == warned
    if warned:
        assert f"recall of {matching / 100:.3f}" in kinds["poor-anchors"].what
        everything = {each.kind: each for each in check_network(dataset_of(boxes), view)}
        assert everything["poor-anchors"] == kinds["poor-anchors"]


def test_without_objects_there_is_nothing_to_warn_of(view):
    assert list(check_at_start(dataset_of([]), view)) == []
