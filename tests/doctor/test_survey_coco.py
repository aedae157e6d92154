"""COCO's entries as they are written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from yolov3.config.experiment import DataSection
from yolov3.datasets.coco import read_coco
from yolov3.datasets.tree import Tree
from yolov3.doctor.survey import UNKNOWN_CLASS
from yolov3.doctor.survey_coco import survey_coco
from yolov3.errors import UserError

JSON = "annotations/instances_val.json"


def surveyed(root, **more):
    return survey_coco(DataSection(root=str(root), val=JSON, **more), Tree(root), "val")


@pytest.mark.shared
def test_it_has_what_the_reader_has(shared):
    root = shared / "datasets" / "coco-tiny"
    given = DataSection(root=str(root), val="annotations/instances_val2017.json")
    survey = survey_coco(given, Tree(root), "val")
    read = read_coco(given, Tree(root), "val")
    assert survey.images == tuple(sample.path for sample in read.samples)
    assert survey.image_ids == tuple(sample.image_id for sample in read.samples)
    assert survey.names == read.names and survey.source == read.source and survey.findings == ()
    assert survey.said_sizes.tolist() == [list(sample.size) for sample in read.samples]
    order = np.argsort(survey.image_index, kind="stable")
    boxes = np.concatenate([sample.boxes for sample in read.samples])
    assert survey.boxes(survey.said_sizes)[order] == pytest.approx(boxes, abs=0.51)
    assert survey.labels[order].tolist() == np.concatenate([sample.labels for sample in read.samples]).tolist()
    assert survey.ignore[order].tolist() == np.concatenate([sample.ignore for sample in read.samples]).tolist()
    assert survey.ignore.any()


def test_entries_that_cannot_be_meant_are_told_and_the_others_kept(files, tmp_path):
    content = files.coco_content()
    annotations = content["annotations"]
    more = [
        {**annotations[0], "id": 200, "bbox": [1, 2, 3]},
        {**annotations[0], "id": 201, "bbox": [1, 2, 3, "4"]},
        {**annotations[0], "id": 202, "bbox": [1, 2, float("nan"), 4]},
        {**annotations[0], "id": 203, "category_id": 5},
        {**annotations[0], "id": 205, "bbox": [1, 2, 10**400, 4]},
        {**annotations[0], "id": 204, "image_id": 5},
        {**annotations[0], "id": annotations[1]["id"]},
        {key: value for key, value in annotations[0].items() if key not in ("category_id", "id")},
    ]
    content["annotations"] = [*annotations, *more]
    content["images"].append({"id": 500, "file_name": "gone.png", "height": 5, "width": 5})
    content["images"].append({"id": 501})
    content["images"].append(dict(content["images"][0]))
    root = files.write_coco(tmp_path / "coco", content)
    survey = surveyed(root)
    kinds = {finding.kind: finding.count for finding in survey.findings}
    assert kinds == {
        "missing-image": 1, "broken-label": 6, "doubled-id": 2, "object-of-no-image": 1, "unknown-class": 1
    }  # fmt: skip
    assert len(survey.images) == 3 and len(survey.labels) == len(annotations) + 2
    assert survey.labels.tolist().count(UNKNOWN_CLASS) == 1
    assert survey.place_of(1) == f"{root / JSON}: annotations[1] (id 101), one.png"


def test_sizes_that_are_not_given_are_zero(files, tmp_path):
    content = files.coco_content()
    del content["images"][1]["height"]
    assert surveyed(files.write_coco(tmp_path / "coco", content)).said_sizes[1].tolist() == [0, 0]


def test_what_is_no_such_json_is_no_split(files, tmp_path):
    root = files.write_coco(tmp_path / "coco")
    with pytest.raises(UserError, match=r"data\.names says"):
        surveyed(root, names=("a", "b"))
    with pytest.raises(UserError, match="one json file"):
        survey_coco(DataSection(root=str(root), val=("a", "b")), Tree(root), "val")
    (root / JSON).write_text(json.dumps([]))
    with pytest.raises(UserError, match="expected an object"):
        surveyed(root)
