"""COCO's numbers are pycocotools' own, whatever the data set's format and however bad the detections."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.evaluation.coco import COCO_NUMBERS, coco_metric, coco_results
from yolov3.structures import Sample


def sample(name: int | str, boxes: list[list[float]], labels: list[int], ignore: list[bool] | None = None) -> Sample:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(
        path=Path(f"{name}.jpg"),
        size=(500, 500),
        boxes=array,
        labels=np.array(labels, np.int64),
        ignore=np.array(ignore or [False] * len(labels), bool),
        areas=(array[:, 2] - array[:, 0]) * (array[:, 3] - array[:, 1]),
        image_id=name,
    )


def data_set(*samples: Sample, names: tuple[str, ...] = ("cat", "dog")) -> Dataset:
    return Dataset(samples, names, tuple(range(1, len(names) + 1)), DatasetReport(), "made up")


def detections(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Detections:
    return Detections(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def perfect(dataset: Dataset) -> list[Detections]:
    found = []
    for one in dataset.samples:
        kept = ~one.ignore
        boxes, labels = torch.from_numpy(one.boxes[kept]), torch.from_numpy(one.labels[kept])
        found.append(Detections(boxes, torch.ones(len(boxes)), labels))
    return found


def perturbed(dataset: Dataset, seed: int) -> list[Detections]:
    """True boxes moved, some with another class, some missed, some doubled, and boxes anywhere."""
    random = np.random.default_rng(seed)
    found = []
    for one in dataset.samples:
        picks = random.integers(0, max(1, len(one.boxes)), 2 * len(one.boxes)) if len(one.boxes) else []
        sides = np.tile(one.boxes[picks, 2:] - one.boxes[picks, :2], 2)
        boxes = one.boxes[picks] + random.normal(0, 0.08, (len(picks), 4)) * sides
        other = random.random(len(picks)) < 0.2
        labels = np.where(other, random.integers(0, len(dataset.names), len(picks)), one.labels[picks])
        anywhere = np.sort(random.uniform(0, min(one.size), (5, 2, 2)), axis=1).reshape(5, 4)
        boxes = np.concatenate((boxes, anywhere)).astype(np.float32)
        labels = np.concatenate((labels, random.integers(0, len(dataset.names), 5)))
        scores = random.random(len(boxes)).astype(np.float32).round(2)  # with ties
        order = np.argsort(-scores, kind="stable")
        found.append(Detections(*(torch.from_numpy(a[order]) for a in (boxes, scores, labels.astype(np.int64)))))
    return found


def by_hand(annotations: Path, results: list[dict]) -> np.ndarray:
    """The twelve numbers as anyone gets them from pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.shared
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_pycocotools_on_the_original_file(shared: Path, seed: int) -> None:
    root = shared / "datasets" / "coco-tiny"
    annotations = root / "annotations" / "instances_val2017.json"
    dataset = open_dataset(DataSection(root=str(root), val="annotations/instances_val2017.json"), "val")
    found = perturbed(dataset, seed)
    unrounded = []
    for one, boxes in zip(dataset.samples, found):
        for (x1, y1, x2, y2), score, label in zip(boxes.boxes.tolist(), boxes.scores.tolist(), boxes.labels.tolist()):
            box = [x1, y1, x2 - x1, y2 - y1]
            category = dataset.category_ids[label]
            unrounded.append({"image_id": one.image_id, "category_id": category, "bbox": box, "score": score})
    result = coco_metric(dataset, found)
    ours = np.array(list(result.numbers.as_plain().values()))
    assert 0.05 < ours[0] < 0.9
    np.testing.assert_allclose(ours, by_hand(annotations, unrounded), atol=1e-9)
    np.testing.assert_allclose(ours, by_hand(annotations, list(coco_results(dataset, found))), atol=1e-12)


@pytest.mark.shared
def test_perfect_detections_of_real_data_give_one(shared: Path) -> None:
    root = shared / "datasets" / "coco-tiny"
    dataset = open_dataset(DataSection(root=str(root), val="annotations/instances_val2017.json"), "val")
    result = coco_metric(dataset, perfect(dataset))
    numbers = result.numbers.as_plain()
    for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_100"):
        assert numbers[name] == pytest.approx(1), name
    assert sum(row.truths for row in result.per_class) == sum(int((~s.ignore).sum()) for s in dataset.samples)
    assert sum(row.ignored for row in result.per_class) > 0
    for row in result.per_class:
        assert row.ap == (pytest.approx(1) if row.truths else None), row


def test_images_named_by_words() -> None:
    dataset = data_set(sample("street", [[0, 0, 50, 50]], [0]), sample("field", [[9, 9, 300, 300]], [1]))
    result = coco_metric(dataset, perfect(dataset))
    assert result.numbers.ap == pytest.approx(1)
    assert [row.name for row in result.per_class] == ["cat", "dog"]
    assert list(coco_results(dataset, perfect(dataset)))[1] == {
        "image_id": "field", "category_id": 2, "bbox": [9, 9, 291, 291], "score": 1,
    }  # fmt: skip


def test_numbers_have_the_names_that_readers_of_coco_know() -> None:
    dataset = data_set(sample(1, [[0, 0, 50, 50]], [0]), sample(2, [[0, 0, 200, 200]], [1], [True]))
    result = coco_metric(dataset, perfect(dataset))
    assert tuple(result.numbers.as_plain()) == COCO_NUMBERS
    assert result.numbers.as_plain()["AP_medium"] == result.numbers.ap_medium == pytest.approx(1)
    assert [row.as_plain() for row in result.per_class] == [
        {"name": "cat", "category_id": 1, "truths": 1, "ignored": 0, "detections": 1, "AP": pytest.approx(1),
         "AP50": pytest.approx(1)},
        {"name": "dog", "category_id": 2, "truths": 0, "ignored": 1, "detections": 0, "AP": None, "AP50": None},
    ]  # fmt: skip


def test_no_detections_are_zero_and_not_a_crash() -> None:
    dataset = data_set(sample(1, [[0, 0, 50, 50]], [0]), sample(2, [], []))
    result = coco_metric(dataset, [Detections.empty(), Detections.empty()])
    assert result.numbers.ap == 0 and result.numbers.ar_100 == 0
    assert result.per_class[0].ap == 0 and result.per_class[1].ap is None


def test_no_truths_are_not_defined_and_not_minus_one() -> None:
    dataset = data_set(sample(1, [], []))
    found = [detections([[0, 0, 50, 50]], [0.9], [0])]
    for result in (coco_metric(dataset, found), coco_metric(data_set(), [])):
        assert set(result.numbers.as_plain().values()) == {None}
        assert [(row.ap, row.ap50, row.truths) for row in result.per_class] == [(None, None, 0)] * 2


def test_not_defined_for_a_size_without_truths() -> None:
    dataset = data_set(sample(1, [[0, 0, 200, 200]], [0]))
    numbers = coco_metric(dataset, perfect(dataset)).numbers
    assert numbers.ap_large == pytest.approx(1)
    assert numbers.ap_small is None and numbers.ar_medium is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_dropped_and_counted(bad: float) -> None:
    dataset = data_set(sample(1, [[0, 0, 50, 50]], [0]))
    box, score = [0.0, 0.0, 50.0, 50.0], 0.9
    found = detections([[bad] * 4, box, [50.0, 0.0, 0.0, 50.0]], [score, bad, score], [0, 0, 0])
    result = coco_metric(dataset, [found])
    assert result.dropped == 3 and result.numbers.ap == 0
    assert list(coco_results(dataset, [found])) == []


def test_a_detection_on_an_ignored_object_is_no_mistake() -> None:
    truth = sample(1, [[0, 0, 100, 100], [200, 200, 400, 400]], [0, 0], [False, True])
    boxes = [[0.0, 0.0, 100.0, 100.0], [210.0, 210.0, 250.0, 250.0], [300.0, 300.0, 350.0, 350.0]]
    found = [detections(boxes, [0.5, 0.9, 0.8], [0, 0, 0])]
    assert coco_metric(data_set(truth), found).numbers.ap == pytest.approx(1)
    plain = replace(truth, ignore=np.zeros(2, bool))
    assert coco_metric(data_set(plain), found).numbers.ap < 0.5


def test_the_first_annotation_counts() -> None:
    # An annotation with id 0 would be taken for unmatched.
    dataset = data_set(sample(0, [[0, 0, 50, 50]], [0]))
    assert coco_metric(dataset, perfect(dataset)).numbers.ap == pytest.approx(1)


def test_images_with_one_name_are_still_two() -> None:
    dataset = data_set(sample(7, [[0, 0, 50, 50]], [0]), sample(7, [[100, 100, 200, 200]], [0]))
    assert coco_metric(dataset, perfect(dataset)).numbers.ap == pytest.approx(1)
    assert coco_metric(dataset, perfect(dataset)[::-1]).numbers.ap == 0


def test_a_hundred_per_class_and_image_count() -> None:
    truth = [[float(x), float(y), x + 8.0, y + 8.0] for x in range(0, 120, 10) for y in range(0, 100, 10)]
    dataset = data_set(sample(1, truth, [0] * 60 + [1] * 60), sample(2, truth, [0] * 120))
    numbers = coco_metric(dataset, perfect(dataset)).numbers
    assert numbers.ar_100 == pytest.approx((160 / 180 + 1) / 2, abs=1e-6)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    dataset = data_set(sample(1, [[0, 0, 50, 50]], [0]))
    coco_metric(dataset, perfect(dataset))
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_measured_is_refused() -> None:
    dataset = data_set(sample(1, [[0, 0, 50, 50]], [0]))
    with pytest.raises(ValueError, match="1 samples but detections of 0 images"):
        coco_metric(dataset, [])
    with pytest.raises(ValueError, match=r"0\.\.1, found 2\.\.2"):
        coco_metric(dataset, [detections([[0.0, 0.0, 1.0, 1.0]], [0.5], [2])])
    broken = data_set(sample(1, [[0, 0, float("nan"), 50]], [0]))
    with pytest.raises(ValueError, match="not a finite number"):
        coco_metric(broken, [Detections.empty()])


def test_results_are_json_with_few_digits() -> None:
    dataset = data_set(sample("a", [], []))
    found = detections([[0.1, 0.2, 33.3, 44.4]], [0.7], [1])
    assert json.dumps(list(coco_results(dataset, [found]))) == (
        '[{"image_id": "a", "category_id": 2, "bbox": [0.1, 0.2, 33.2, 44.2], "score": 0.69999999}]'
    )
