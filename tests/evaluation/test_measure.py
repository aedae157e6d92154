"""Both metrics of the same detections, their counts, and all that the numbers depend on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from yolov3.detections import Detections
from yolov3.evaluation.coco import coco_metric
from yolov3.evaluation.coco_tables import metric_library_version
from yolov3.evaluation.measure import EvaluationSettings, measure, times_as_plain
from yolov3.evaluation.voc import voc_metric
from yolov3.structures import Preprocessing, Suppression
from yolov3.watching.stage_times import StageTimes


@pytest.fixture
def found(dataset) -> list[Detections]:
    """The true boxes but those of the last image, a wrong one, and one that is none."""
    detections = []
    for number, sample in enumerate(dataset.samples):
        boxes, labels = torch.from_numpy(sample.boxes), torch.from_numpy(sample.labels)
        detections.append(Detections(boxes, torch.full((len(boxes),), 0.9 - number / 10), labels))
    extra = torch.tensor([[0.0, 0.0, 9.0, 9.0], [float("nan")] * 4])
    detections[0] = Detections(extra, torch.tensor([0.95, 0.5]), torch.tensor([1, 1]))
    detections[-1] = Detections.empty()
    return detections


def test_the_numbers_are_those_of_the_metrics(dataset, found):
    evaluation = measure(dataset, found, nonfinite=7)
    coco, voc = coco_metric(dataset, found), voc_metric(dataset, found)
    assert (evaluation.coco, evaluation.per_class, evaluation.voc) == (coco.numbers, coco.per_class, voc)
    assert 0 < coco.numbers.ap50 < 1 and 0 < voc.mean_10 < 1
    assert evaluation.detections == tuple(found)


def test_images_truths_and_detections_are_counted(dataset, found):
    counts = measure(dataset, found, nonfinite=7).counts.as_plain()
    assert counts == {
        "images": 5, "truths": 3, "ignored_truths": 1, "detections": 5, "dropped_detections": 1,
        "nonfinite_predictions": 7,
    }  # fmt: skip
    assert measure(dataset, found).counts.nonfinite_predictions == 0


def settings_of(selection, preprocessing) -> EvaluationSettings:
    return EvaluationSettings("a small one", "noise", 5, 3, preprocessing, selection, 2, "cpu", "float32")


def test_settings_name_all_that_the_numbers_depend_on(selection):
    selection = replace(selection, suppression=Suppression("diou", 0.7), class_agnostic=True, max_detections=7)
    assert settings_of(selection, Preprocessing(size=(96, 128), fit="stretch")).as_plain() == {
        "model": "a small one", "data": "noise", "images": 5, "num_classes": 3,
        "input_size": (96, 128), "input_fit": "stretch", "input_resize": "area", "input_fill": 0.5,
        "confidence": 0.001, "nms_threshold": 0.6, "nms_kind": "diou", "diou_exponent": 0.7, "class_agnostic": True,
        "multi_label": True, "max_candidates": 30_000, "max_detections": 7, "coco_max_detections": 100,
        "voc_iou_threshold": 0.5, "batch_size": 2, "device": "cpu", "precision": "float32", "runtime": "torch",
            "torch": torch.__version__, "coco_library": metric_library_version(),
    }  # fmt: skip


def test_an_exponent_that_does_not_matter_is_not_named(selection, preprocessing):
    plain = settings_of(selection, preprocessing).as_plain()
    assert plain["nms_kind"] == "iou" and "diou_exponent" not in plain


def test_plain_values_can_be_written_as_json(dataset, found, selection, preprocessing):
    evaluation = measure(dataset, found)
    assert (evaluation.as_plain()["settings"], evaluation.as_plain()["timing"]) == ({}, {})
    times = StageTimes(reading=1.0, network=2.0, selecting=1.0, images=4)
    whole = replace(evaluation, settings=settings_of(selection, preprocessing), times=times)
    content = json.loads(json.dumps(whole.as_plain(), allow_nan=False))
    assert set(content) == {"settings", "coco", "per_class", "voc", "counts", "timing", "source"}
    assert content["settings"]["input_size"] == [96, 128] and content["coco"]["AP50"] == evaluation.coco.ap50
    assert [row["name"] for row in content["per_class"]] == list(dataset.names)
    assert content["voc"]["AP10+"] == evaluation.voc.mean_10 and content["counts"]["images"] == 5


def test_times_are_milliseconds_of_an_image_and_images_of_a_second():
    times = StageTimes(reading=1.0, network=2.0, selecting=1.0, images=8)
    assert times_as_plain(times) == {
        "data_wait_ms": 125.0, "network_ms": 250.0, "postprocess_ms": 125.0, "images_per_second": 2.0,
    }  # fmt: skip


def test_no_images_are_not_defined(dataset):
    evaluation = measure(dataset.first(0), [])
    assert evaluation.coco.ap is None and evaluation.voc.mean_07 is None and evaluation.counts.images == 0
