"""An evaluation in a folder is opened again: the same detections on the same data."""

from __future__ import annotations

import json

import pytest
import torch

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.evaluation.coco import coco_metric
from yolov3.evaluation.report import write_predictions
from yolov3.evaluation.saved import is_saved_evaluation, read_metrics, read_predictions, source_of


@pytest.fixture
def found(dataset):
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(len(dataset), 9, 2, generator=generator) * 30
    boxes = torch.cat((low, low + 5 + torch.rand(len(dataset), 9, 2, generator=generator) * 20), -1)
    scores = torch.rand(len(dataset), 9, generator=generator).sort(descending=True).values
    labels = torch.randint(0, 3, (len(dataset), 9), generator=generator)
    kept = [9, 0, 3, 9, 1]
    return [Detections(boxes[i, :n], scores[i, :n], labels[i, :n]) for i, n in enumerate(kept)]


def test_what_was_found_is_read_again(tmp_path, dataset, found):
    write_predictions(tmp_path / "predictions.json", dataset, found)
    again = read_predictions(tmp_path / "predictions.json", dataset)
    for one, other, sample in zip(found, again, dataset.samples, strict=True):
        assert torch.allclose(one.boxes, other.boxes, atol=1e-4) and torch.allclose(one.scores, other.scores, atol=1e-7)
        assert torch.equal(one.labels, other.labels)
        assert other.names == dataset.names and other.image_size == sample.size
    assert coco_metric(dataset, again).numbers == coco_metric(dataset, found).numbers


GOOD = {"image_id": "1", "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    "row",
    [
        {**GOOD, "image_id": 77}, {**GOOD, "category_id": 9}, {**GOOD, "bbox": [1, 2, 3]}, {**GOOD, "bbox": None},
        {**GOOD, "score": "high"}, {"image_id": "1"}, 5, None, {**GOOD, "image_id": [1]},
        {**GOOD, "bbox": [1, 2, 10**400, 4]}, {**GOOD, "bbox": [1, 2, 1e39, 4]}, {**GOOD, "bbox": [1, float("nan"), 3, 4]},
        {**GOOD, "score": float("inf")}, {**GOOD, "score": "nan"},
    ],
)  # fmt: skip
def test_results_of_other_data_are_refused(tmp_path, dataset, row):
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([GOOD, row]))
    with pytest.raises(UserError, match=r"entry 1 is no result for noise with boxes: image_id, category_id") as caught:
        read_predictions(path, dataset)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no JSON"), ("{}", "a list of results is expected, found dict")]
)
def test_another_file_is_refused(tmp_path, dataset, text, message):
    (tmp_path / "predictions.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_predictions(tmp_path / "predictions.json", dataset)


def test_a_folder_is_an_evaluation_when_both_files_are_there(tmp_path):
    (tmp_path / "metrics.json").write_text('{"settings": {}, "source": {"data": {"root": "here"}, "split": "test"}}')
    assert not is_saved_evaluation(tmp_path)
    (tmp_path / "predictions.json").write_text("[]")
    assert is_saved_evaluation(tmp_path)
    section, split = source_of(tmp_path, read_metrics(tmp_path))
    assert section.root == "here" and split == "test"


@pytest.mark.parametrize("metrics", [{}, {"source": {}}, {"source": {"data": {}}}, {"source": 3}])
def test_one_that_does_not_say_its_data_asks_for_it(tmp_path, metrics):
    with pytest.raises(UserError, match="does not say which data it was measured on; give --data"):
        source_of(tmp_path, metrics)


@pytest.mark.parametrize("text", ["[]", "{}", '{"settings": 1}', "x"])
def test_other_metrics_are_refused(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(UserError, match=r"metrics.json: is n"):
        read_metrics(tmp_path)
