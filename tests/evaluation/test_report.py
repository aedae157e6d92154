"""What a person and a program get of an evaluation: lines that readers of COCO know, and files with all numbers."""

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
from rich.console import Console

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.evaluation.coco import COCO_NUMBERS, CocoNumbers
from yolov3.evaluation.measure import Evaluation, EvaluationSettings, measure
from yolov3.evaluation.report import coco_lines, print_report, settings_line, write_metrics, write_predictions
from yolov3.selecting.postprocess import Selection
from yolov3.structures import Preprocessing, Sample, Suppression
from yolov3.watching.stage_times import StageTimes

SETTINGS = EvaluationSettings(
    model="yolov3-tiny, 2 classes",
    data="COCO, val: instances.json",
    images=2,
    num_classes=2,
    preprocessing=Preprocessing(size=(416, 416)),
    selection=Selection(confidence=0.001, nms_threshold=0.6, multi_label=True),
    batch_size=16,
    device="cpu",
    precision="float32",
)
TIMES = StageTimes(reading=0.1, network=2.0, selecting=0.4, images=100)


@pytest.fixture
def dataset() -> Dataset:
    boxes = np.array([[10, 10, 60, 60], [100, 100, 300, 200]], np.float32)
    truth = Sample(Path("a.jpg"), (400, 400), boxes, np.zeros(2, np.int64), np.zeros(2, bool), np.ones(2), 139)
    nothing = np.zeros((0, 4), np.float32)
    no_labels = np.zeros(0, np.int64)
    empty = Sample(Path("b.jpg"), (400, 400), nothing, no_labels, no_labels.astype(bool), np.zeros(0), 7)
    return Dataset((truth, empty), ("[red] cat", "dog"), (3, 90), DatasetReport(), "made up")


@pytest.fixture
def found() -> list[Detections]:
    boxes = torch.tensor([[10.0, 10.0, 60.0, 60.0], [0.0, 0.0, 9.0, 9.0]])
    return [Detections(boxes, torch.tensor([0.75, 0.5]), torch.tensor([0, 1])), Detections.empty()]


@pytest.fixture
def evaluation(dataset: Dataset, found: list[Detections]) -> Evaluation:
    return replace(measure(dataset, found), settings=SETTINGS, times=TIMES)


def test_the_twelve_lines_are_those_that_pycocotools_prints() -> None:
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, s, s], "area": s * s, "iscrowd": 0}
            for i, s in enumerate((10, 50, 200))
        ],
    }  # fmt: skip
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes([dict(truth.anns[2], score=0.5)]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        printed.truncate(0)
        printed.seek(0)
        evaluation.summarize()
    assert coco_lines(CocoNumbers(*evaluation.stats)) == printed.getvalue().splitlines()


def test_what_is_not_defined_is_so_printed() -> None:
    lines = coco_lines(CocoNumbers(*[None] * 12))
    assert len(lines) == 12 and all(line.endswith("] = n/a") for line in lines)


def printed(evaluation: Evaluation, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(evaluation, console)
    return console.file.getvalue()


def test_the_report_names_its_settings_in_one_line(evaluation: Evaluation) -> None:
    assert printed(evaluation, width=60).splitlines()[0] == (
        "yolov3-tiny, 2 classes | COCO, val: instances.json | 2 images, 2 classes | input 416x416 letterbox, "
        "resize area, fill 0.5 | score > 0.001, NMS iou > 0.6 per class, several classes per box, at most 300 per "
        "image; COCO counts the best 100 per class and image; VOC at IoU 0.5 | torch float32 on cpu"
    )


def test_what_is_unusual_is_in_the_settings_too() -> None:
    selection = Selection(class_agnostic=True, suppression=Suppression("diou", 0.7), max_detections=7)
    line = settings_line(replace(SETTINGS, selection=selection, precision="bfloat16", device="cuda:1"))
    assert (
        "score > 0.25, NMS diou ^0.7 > 0.45 boxes of all classes against each other, one class per box, at most 7"
        in line
    )
    assert line.endswith("bfloat16 on cuda:1")


def test_what_nobody_kept_is_not_in_the_report(dataset: Dataset, found: list[Detections]) -> None:
    lines = printed(measure(dataset, found)).splitlines()
    assert lines[0].split()[0] == "class" and lines[-1].startswith(" 2 detections")


def test_the_report_has_a_row_per_class(evaluation: Evaluation) -> None:
    rows = [line.split() for line in printed(evaluation).splitlines()[1:5]]
    assert rows[0] == ["class", "truths", "ignored", "AP", "AP50", "VOC", "07", "VOC", "10+"]
    assert rows[1] == ["[red]", "cat", "2", "0", "0.505", "0.505", "0.545", "0.500"]
    assert rows[2] == ["dog", "0", "0", "n/a", "n/a", "n/a", "n/a"]
    assert rows[3] == ["all", "2", "0", "0.505", "0.505", "0.545", "0.500"]


def test_the_report_ends_with_counts_and_times(evaluation: Evaluation) -> None:
    *_, voc, counts, times = printed(evaluation).splitlines()
    assert voc.endswith("0.545 by the 11 points of 2007, 0.500 by area (2010+)")
    assert counts == " 2 detections, 2 truths, 0 ignored truths"
    assert times == (" per image: 1.0 ms waiting for data, 20.0 ms network, 4.0 ms post-processing; 40.0 images/s")


def test_numbers_that_were_none_are_named(evaluation: Evaluation) -> None:
    counts = replace(evaluation.counts, nonfinite_predictions=4, dropped_detections=1)
    text = printed(replace(evaluation, counts=counts))
    assert ", 1 detection dropped as no boxes, 4 predictions dropped as no finite numbers\n" in text


def test_what_is_one_is_no_plural(evaluation: Evaluation) -> None:
    counts = replace(evaluation.counts, detections=1, truths=1, ignored_truths=1)
    settings = replace(SETTINGS, images=1, num_classes=1)
    text = printed(replace(evaluation, counts=counts, settings=settings))
    assert "| 1 image, 1 class |" in text and " 1 detection, 1 truth, 1 ignored truth\n" in text


def on_terminal(evaluation: Evaluation, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_report(evaluation, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [50, 80, 200])
def test_a_terminal_gets_whole_words_and_numbers(evaluation: Evaluation, width: int) -> None:
    """And all numbers of COCO, whatever the width; of the classes what there is room for."""
    text = on_terminal(evaluation, width)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    for whole in ("416x416 letterbox,", "0.505", "0.545", "post-processing;", "images/s", "[red] cat"):
        assert whole in text
    assert "\n  COCO, val: instances.json\n  2 images, 2 classes\n  input 416x416 letterbox, resize area" in text
    heading = next(line.split() for line in text.splitlines() if line.startswith(" class"))
    assert heading == ["class", "truths", *(["ignored"] if width > 50 else []), "AP", "AP50", "VOC", "07", "VOC", "10+"]
    assert ("Average Recall" in text) is (width > 50)
    assert len([line for line in text.splitlines() if "0.50:0.95" in line]) == 10


def test_metrics_json_holds_all(tmp_path: Path, evaluation: Evaluation) -> None:
    write_metrics(tmp_path / "metrics.json", evaluation)
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert set(content) == {"settings", "coco", "per_class", "voc", "counts", "timing", "source"}
    assert tuple(content["coco"]) == COCO_NUMBERS
    assert content["coco"]["AP"] == pytest.approx(0.50495, abs=1e-5)
    assert content["per_class"][1] == {
        "name": "dog", "category_id": 90, "truths": 0, "ignored": 0, "detections": 1, "AP": None, "AP50": None,
    }  # fmt: skip
    assert content["settings"] == SETTINGS.as_plain() | {"input_size": [416, 416]}
    assert content["timing"]["network_ms"] == pytest.approx(20) and content["counts"]["detections"] == 2


def test_predictions_json_has_the_ids_of_the_files(tmp_path: Path, dataset: Dataset, found: list[Detections]) -> None:
    write_predictions(tmp_path / "predictions.json", dataset, found)
    assert json.loads((tmp_path / "predictions.json").read_text()) == [
        {"image_id": 139, "category_id": 3, "bbox": [10, 10, 50, 50], "score": 0.75},
        {"image_id": 139, "category_id": 90, "bbox": [0, 0, 9, 9], "score": 0.5},
    ]
    write_predictions(tmp_path / "predictions.json", dataset, [Detections.empty()] * 2)
    assert json.loads((tmp_path / "predictions.json").read_text()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.json"]


def test_a_place_that_cannot_be_written_is_an_error(evaluation: Evaluation) -> None:
    with pytest.raises(UserError, match=r"metrics\.json: cannot be written"):
        write_metrics(Path("/nowhere/metrics.json"), evaluation)
