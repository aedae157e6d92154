"""All together: what the evaluation says is what the analysis says, whatever the data is like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3.analysis.analysis import AnalysisSettings, analyse
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.detections import Detections
from yolov3.evaluation.measure import measure
from yolov3.geometry import Geometry
from yolov3.structures import Preprocessing

QUICK = AnalysisSettings(rounds=20)
STRIDES = (32, 16, 8)


def test_it_agrees_with_the_evaluation(world) -> None:
    dataset, found = world.random(1, images=40)
    analysis, evaluation = analyse(dataset, found, strides=STRIDES, settings=QUICK), measure(dataset, found)
    plain = json.loads(json.dumps(analysis.as_plain(), allow_nan=False))
    assert plain["intervals"]["AP50"]["value"] == pytest.approx(evaluation.coco.ap50, abs=1e-9)
    assert plain["intervals"]["AP"]["value"] == pytest.approx(evaluation.coco.ap, abs=1e-9)
    counts = plain["counts"]
    assert (counts["images"], counts["truths"], counts["ignored_truths"], counts["detections"]) == (
        evaluation.counts.images, evaluation.counts.truths, evaluation.counts.ignored_truths, evaluation.counts.detections,
    )  # fmt: skip
    for row, point in zip(plain["operating"]["points"], plain["confusion"]["classes"]):
        assert row["best"] == point
    assert sum(plain["errors"]["counts_above_thresholds"].values()) == plain["confusion"]["total"]["wrong"]
    assert [one["name"] for one in plain["operating"]["points"]] == [*dataset.names, "all"]
    assert plain["findings"] and all(one["advice"] for one in plain["findings"])


def test_settings_are_heeded(world) -> None:
    dataset, found = world.random(1, images=30)
    settings = replace(QUICK, thresholds=(0.3, 0.4, 0.5), most=2, recall=0.2, precision=0.3)
    analysis = analyse(dataset, found, strides=STRIDES, settings=settings)
    assert analysis.evidence.confusion.thresholds == (0.3, 0.4, 0.5)
    assert max(len(one.cases) for one in analysis.evidence.galleries) == 2
    assert analysis.operating[0].for_recall.recall >= 0.2 and analysis.evidence.intervals.rounds == 20
    again = analyse(dataset, found, strides=STRIDES, settings=settings)
    assert analysis.as_plain() == again.as_plain()
    other = analyse(dataset, found, strides=STRIDES, settings=replace(settings, seed=1))
    assert other.evidence.intervals != analysis.evidence.intervals


def test_sizes_are_those_of_the_input_where_geometries_are_given(world) -> None:
    dataset = world.data(world.sample(1, [[0, 0, 20, 20]], [0]))
    geometries = [Geometry.fit((500, 500), Preprocessing(size=(128, 128)))]
    names = []
    for given in (None, geometries):
        analysis = analyse(dataset, [world.found([], [], [])], strides=STRIDES, geometries=given, settings=QUICK)
        names += [one.name for one in analysis.evidence.divisions[0].strata if one.truths]
    assert names == ["16 to 32 px", "below 8 px"]
    with pytest.raises(ValueError, match="not those of the data set's images"):
        analyse(dataset, [world.found([], [], [])], strides=STRIDES, geometries=[], settings=QUICK)


CASES = {
    "no detection at all": ((3, 1), lambda data, found: (data, [Detections.empty()] * len(data))),
    "no truth at all": ((3, 1), lambda data, found: (replace(data, samples=tuple(map(bare, data.samples))), found)),
    "neither": ((3, 1), lambda data, found: (replace(data, samples=tuple(map(bare, data.samples))),
                                             [Detections.empty()] * len(data))),
    "no image": ((3, 1), lambda data, found: (data.part([]), [])),
    "one class": ((1, 1), lambda data, found: (data, found)),
    "80 classes, most absent": ((3, 1), lambda data, found: (named(data, 80), found)),
    "a class without truth but with detections": (
        (3, 1), lambda data, found: (named(data, 5), [relabelled(one) for one in found]),
    ),
    "one image": ((2, 5), lambda data, found: (data.first(1), found[:1])),
    "all ignored": ((2, 1), lambda data, found: (replace(data, samples=tuple(map(ignored, data.samples))), found)),
}  # fmt: skip


def bare(sample):
    none = {name: getattr(sample, name)[:0] for name in ("boxes", "labels", "ignore", "areas")}
    return replace(sample, **none)


def ignored(sample):
    return replace(sample, ignore=np.ones(len(sample.boxes), bool))


def named(data, count: int):
    return replace(data, names=tuple(f"name {k}" for k in range(count)), category_ids=tuple(range(count)))


def relabelled(found):
    return replace(found, labels=found.labels + 2 * (found.labels == 2))


@pytest.mark.parametrize("name", CASES)
def test_whatever_the_data_is_like(world, name: str) -> None:
    (classes, seed), change = CASES[name]
    dataset, found = change(*world.random(seed, images=10, classes=classes))
    analysis, coco = analyse(dataset, found, strides=STRIDES, settings=QUICK), measure(dataset, found).coco
    plain = json.loads(json.dumps(analysis.as_plain(), allow_nan=False))
    value = plain["intervals"]["AP50"]["value"]
    assert value == (None if coco.ap50 is None else pytest.approx(coco.ap50, abs=1e-9))
    num = len(dataset.names)
    assert len(plain["confusion"]["counts"]) == num + 1 and len(plain["confusion"]["thresholds"]) == num
    assert len(plain["findings"]) > 0
    assert (value is None) == any("nothing can be measured" in one["text"] for one in plain["findings"])


def test_settings_that_cannot_be_are_refused() -> None:
    for name, value in (("rounds", 0), ("most", 0), ("precision", 0.0), ("recall", 1.5)):
        with pytest.raises(ValueError, match=name):
            AnalysisSettings(**{name: value})


@pytest.mark.shared
def test_of_real_labels_moved_a_little(shared: Path) -> None:
    root = shared / "datasets" / "coco-tiny"
    dataset = open_dataset(DataSection(root=str(root), val="annotations/instances_val2017.json"), "val")
    random, found = np.random.default_rng(0), []
    for sample in dataset.samples:
        sides = np.tile(sample.boxes[:, 2:] - sample.boxes[:, :2], 2)
        boxes = torch.from_numpy(sample.boxes + random.normal(0, 0.05, sides.shape).astype(np.float32) * sides)
        scores = torch.from_numpy(np.sort(random.random(len(boxes)))[::-1].astype(np.float32).copy())
        found.append(Detections(boxes, scores, torch.from_numpy(sample.labels)))
    geometries = [Geometry.fit(sample.size, Preprocessing(size=(416, 416))) for sample in dataset.samples]
    analysis = analyse(dataset, found, strides=STRIDES, geometries=geometries, settings=QUICK)
    expected = measure(dataset, found).coco
    assert analysis.evidence.intervals.ap50.value == pytest.approx(expected.ap50, abs=1e-9)
    assert analysis.evidence.intervals.ap.value == pytest.approx(expected.ap, abs=1e-9)
    json.dumps(analysis.as_plain(), allow_nan=False)
