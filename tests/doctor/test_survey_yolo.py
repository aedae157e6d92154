"""YOLO's labels as they are written."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.datasets.yolo import read_yolo
from yolov3.doctor.survey import UNKNOWN_CLASS
from yolov3.doctor.survey_yolo import survey_yolo
from yolov3.errors import UserError


def section(root, **more) -> DataSection:
    return DataSection(root=str(root), train="train.txt", **more)


def test_it_has_what_the_reader_has(data, tmp_path):
    root = data.write("yolo", tmp_path / "yolo")
    survey = survey_yolo(section(root), Tree(root), "train")
    read = read_yolo(section(root), Tree(root), "train")
    assert survey.images == tuple(sample.path for sample in read.samples)
    assert survey.image_ids == tuple(sample.image_id for sample in read.samples)
    assert survey.names == read.names and survey.source == read.source and survey.findings == ()
    sizes = np.array([sample.size for sample in read.samples])
    boxes = np.concatenate([sample.boxes for sample in read.samples])
    assert survey.boxes(sizes) == pytest.approx(boxes, abs=1e-3)
    assert survey.labels.tolist() == np.concatenate([sample.labels for sample in read.samples]).tolist()
    assert survey.is_labelled.all() and not survey.ignore.any()


def test_rows_that_cannot_be_meant_are_told_with_their_line_and_the_others_kept(data, tmp_path):
    root = data.write("yolo", tmp_path / "yolo")
    file = root / "labels" / f"{data.items[0].stem}.txt"
    file.write_text(
        "0 0.5 0.5 0.1 0.1\n"
        "0 0.5 0.5 0.1\n"
        "cat 0.5 0.5 0.1 0.1\n"
        "\n"
        "0.5 0.5 0.5 0.1 0.1\n"
        "0 nan 0.5 0.1 0.1\n"
        "0 0.5 0.5 0.1 0.1 0.9\n"
        "0 100 80 30 20\n"
        "3 0.5 0.5 0.1 0.1\n"
        "-1 0.5 0.5 0.1 0.1\n"
        "1 0.9 0.9 1.05 0.4\n"
        "2 0.1 0.1 0.4 0.1 0.2 0.5\n"
        "1e300 0.5 0.5 0.1 0.1\n"
    )
    survey = survey_yolo(section(root), Tree(root), "train")
    mine = survey.image_index == 0
    assert survey.labels[mine].tolist() == [0, UNKNOWN_CLASS, UNKNOWN_CLASS, 1, 2]
    assert survey.numbers[mine][-1] == pytest.approx((0.25, 0.3, 0.3, 0.4))
    numbers = np.flatnonzero(mine).tolist()
    assert [survey.place_of(number) for number in numbers] == [f"{file}:{line}" for line in (1, 9, 10, 11, 12)]
    lines = {
        finding.kind: [int(place.removeprefix(f"{file}:").split(":")[0]) for place in finding.places]
        for finding in survey.findings
    }
    assert lines == {
        "broken-label": [2, 3, 5, 6, 7, 13], "pixels-for-shares": [8], "unknown-class": [9, 10], "outline": [12]
    }  # fmt: skip


def test_folders_of_images_are_surveyed_too(files, tmp_path):
    root = files.write_yolo(tmp_path / "yolo")
    survey = survey_yolo(DataSection(root=str(root), val="images/val"), Tree(root), "val")
    assert [path.stem for path in survey.images] == ["one", "three", "two"]
    assert {finding.kind for finding in survey.findings} == {"no-label-file"}
    assert len(survey.labels) == 4


def test_images_that_are_nowhere_are_no_split(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match="neither a folder of images nor a list"):
        survey_yolo(DataSection(root=str(tmp_path), train="nowhere"), Tree(tmp_path), "train")
