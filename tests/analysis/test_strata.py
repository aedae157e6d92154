"""Strata beside counting: each alone is a data set of its truths and its detections."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.analysis.confusion import confuse
from yolov3.analysis.curves import score_curves
from yolov3.analysis.strata import PLACES, Surroundings, divide, truth_neighbours
from yolov3.boxes import iou_matrix
from yolov3.evaluation.coco import coco_metric
from yolov3.geometry import Geometry
from yolov3.structures import Preprocessing


def surroundings(dataset, side: int = 256) -> Surroundings:
    rules = Preprocessing(size=(side, side))
    return Surroundings.of([Geometry.fit(sample.size, rules) for sample in dataset.samples], (32, 16, 8))


def divided(world, dataset, found, thresholds=None):
    matching = world.match(dataset, found)
    confusion = confuse(matching, thresholds or score_curves(matching).best_thresholds())
    return confusion, divide(confusion, surroundings(dataset))


def stratum_by_words(division: str, box, size, neighbours: int) -> str:
    """The slow way: what a box is called."""
    width, height = float(box[2] - box[0]), float(box[3] - box[1])
    if division == "size":
        side = (width * height) ** 0.5 * 256 / 500  # images of 500 in an input of 256
        edges = [8, 16, 32, 64, 128]
        names = ["below 8 px", "8 to 16 px", "16 to 32 px", "32 to 64 px", "64 to 128 px", "128 px and more"]
        return names[sum(side >= edge for edge in edges)]
    if division == "shape":
        edges = [1 / 3, 2 / 3, 1.5, 3]
        names = ["below 0.33", "0.33 to 0.67", "0.67 to 1.5", "1.5 to 3", "3 and more"]
        return names[sum(width / height >= edge for edge in edges)]
    if division == "crowd":
        return ["none", "1", "2 and more"][min(neighbours, 2)]
    column = min(2, max(0, int((box[0] + box[2]) / 2 * 3 // size[1])))
    row = min(2, max(0, int((box[1] + box[3]) / 2 * 3 // size[0])))
    return PLACES[3 * row + column]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_slow_way(world, seed: int) -> None:
    dataset, found = world.random(seed, images=25, decimals=6)
    confusion, divisions = divided(world, dataset, found)
    assert [one.name for one in divisions] == ["size", "shape", "crowd", "place"]
    matching = confusion.matching
    truth_of = {}
    for k in np.flatnonzero(matching.truth_of[0] >= 0):
        place = (int(matching.found.image[k]), int(matching.found.index[k]))
        truth_of[place] = int(matching.truths.index[matching.truth_of[0][k]])
    for division in divisions:
        names, seen = [stratum.name for stratum in division.strata], 0
        of_truth, of_found = [], []
        for sample, one in zip(dataset.samples, found):
            boxes = torch.from_numpy(sample.boxes)
            crowd = (iou_matrix(boxes, boxes) > 0.1).sum(dim=1).numpy() - 1
            of_truth.append([stratum_by_words(division.name, b, sample.size, n) for b, n in zip(sample.boxes, crowd)])
            iou = iou_matrix(one.boxes, boxes)
            iou[:, sample.ignore] = 0
            near = (iou > 0.1).sum(dim=1).numpy() - 1
            of_found.append(
                [stratum_by_words(division.name, b, sample.size, max(0, n)) for b, n in zip(one.boxes, near)]
            )
        for stratum in division.strata:
            samples, kept, alarms = [], [], 0
            for image, (sample, one) in enumerate(zip(dataset.samples, found)):
                own = np.array([name == stratum.name for name in of_truth[image]], bool)
                samples.append(replace(sample, ignore=sample.ignore | ~own))
                keep = []
                for d in range(len(one)):
                    truth = truth_of.get((image, d))
                    keep.append(
                        of_found[image][d] == stratum.name
                        if truth is None
                        else bool(own[truth] and not sample.ignore[truth])
                    )
                    above = one.scores[d] > confusion.thresholds[int(one.labels[d])]
                    alarms += truth is None and bool(above) and keep[-1]
                kept.append(one[torch.tensor(keep, dtype=torch.bool)])
            count = sum(int((~sample.ignore).sum()) for sample in samples)
            assert (stratum.truths, stratum.name) == (count, names[division.strata.index(stratum)])
            assert stratum.alarms == alarms
            expected = metric_of(samples, kept, dataset)
            assert stratum.ap50 == (None if expected is None else pytest.approx(expected, abs=1e-9))
            seen += stratum.truths
        assert seen == matching.truths_of_classes().sum()
        assert sum(stratum.found for stratum in division.strata) == confusion.total().right
        assert sum(stratum.alarms for stratum in division.strata) == confusion.total().wrong


def metric_of(samples, kept, dataset) -> float | None:
    """AP50 of the stratum as a data set of its own: the truths of the others are gone."""
    own = []
    for sample in samples:
        keep = ~sample.ignore
        parts = {name: getattr(sample, name)[keep] for name in ("boxes", "labels", "ignore", "areas")}
        own.append(replace(sample, **parts))
    return coco_metric(replace(dataset, samples=tuple(own)), kept).numbers.ap50


def test_sizes_are_of_the_input_and_in_cells(world) -> None:
    # 500 pixels in an input of 256: a side of 40 is 20, between 2 and 4 cells of 8
    dataset = world.data(world.sample(1, [[0, 0, 40, 40], [300, 300, 310, 310]], [0, 1]))
    _, divisions = divided(world, dataset, [world.found([[0, 0, 40, 40]], [0.9], [0])])
    sizes = {one.name: one for one in divisions[0].strata}
    assert [(n, s.truths, s.recall, s.ap50) for n, s in sizes.items() if s.truths] == [
        ("below 8 px", 1, 0.0, 0.0), ("16 to 32 px", 1, 1.0, pytest.approx(1.0)),
    ]  # fmt: skip
    assert [s.name for s in divisions[3].strata if s.truths] == ["top left", "middle"]
    json.dumps([one.as_plain() for one in divisions], allow_nan=False)


def test_neighbours_are_other_truths_of_any_class(world) -> None:
    boxes = [[0, 0, 100, 100], [50, 0, 150, 100], [100, 0, 200, 100], [300, 300, 400, 400]]
    matching = world.match(world.data(world.sample(1, boxes, [0, 1, 0, 0])), [world.found([], [], [])])
    assert truth_neighbours(matching.overlaps).tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    _, divisions = divided(world, dataset, [world.found(boxes * found, [0.5] * found, [1] * found)], (0.4, 0.4))
    for division in divisions:
        assert sum(one.truths for one in division.strata) == true
        assert sum(one.alarms for one in division.strata) == found
        assert {one.ap50 for one in division.strata} == ({0.0, None} if true else {None})
    json.dumps([one.as_plain() for one in divisions], allow_nan=False)
