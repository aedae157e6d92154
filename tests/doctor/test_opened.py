"""From what files say and images are to what the checks see."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolov3.catalogue.opening import find_data, open_dataset
from yolov3.config.experiment import DataSection
from yolov3.doctor.opened import divide_survey, open_split, part_of, refused_opening, survey_splits
from yolov3.errors import UserError


@pytest.mark.parametrize("format", ["coco", "voc", "yolo"])
def test_what_is_learned_from_is_what_the_readers_give(format, data, opened, tmp_path):
    """With boxes to be dropped and to be clipped."""
    data.items[2].objects += [[0, 300, 20, 340, 60], [1, 150, 20, 240, 90], [1, 30, 20, 30, 60]]
    root = data.write(format, tmp_path / "data")
    ours = opened(root)["train"].dataset
    read = open_dataset(DataSection(root=str(root)), "train")
    assert ours.names == read.names and len(ours) == len(read) == 24
    for own, other in zip(ours.samples, read.samples):
        assert (own.path, own.size, own.image_id) == (other.path, other.size, other.image_id)
        assert own.boxes == pytest.approx(other.boxes, abs=1e-3) and own.labels.tolist() == other.labels.tolist()
    counts = ("dropped_zero_area", "dropped_outside", "clipped")
    assert (
        [getattr(ours.report, name) for name in counts] == [getattr(read.report, name) for name in counts] == [1, 1, 1]
    )


def test_objects_of_images_that_cannot_be_measured_are_left_out(data, opened, tmp_path):
    root = data.write("yolo", tmp_path / "data")
    (root / "images" / f"{data.items[1].stem}.jpg").write_bytes(b"no image")
    split = opened(root)["train"]
    theirs = split.survey.image_index == 1
    assert np.isnan(split.boxes[theirs]).all() and not np.isnan(split.boxes[~theirs]).any()
    assert (split.known == ~theirs).all()
    assert len(split.dataset) == 23 and data.items[1].stem not in {sample.path.stem for sample in split.dataset.samples}


def test_a_part_is_what_a_split_of_these_images_would_be(data, opened, tmp_path):
    root = data.write("yolo", tmp_path / "data")
    whole = opened(root)["train"]
    chosen = set(whole.survey.images[3:9])
    part = part_of(whole.survey, "val", chosen)
    assert part.split == "val" and part.images == whole.survey.images[3:9]
    again = open_split(part, whole.looks[3:9])
    for own, other in zip(again.dataset.samples, whole.dataset.samples[3:9], strict=True):
        assert own.path == other.path and np.array_equal(own.boxes, other.boxes)
    assert [part.place_of(number) for number in (0, len(part.labels) - 1)] == [
        f"{root}/labels/{data.items[3].stem}.txt:1",
        f"{root}/labels/{data.items[8].stem}.txt:{len(data.items[8].objects)}",
    ]


def test_undivided_data_are_divided_as_training_divides_them(data, tmp_path):
    for item in data.items:
        item.split = "train"
    root = data.write("yolo", tmp_path / "data")
    section = DataSection(root=str(root), val_share=0.25)
    surveys = divide_survey(section, survey_splits(find_data(section)).surveys)
    for survey, split in zip(surveys, ("train", "val"), strict=True):
        assert set(survey.images) == {sample.path for sample in open_dataset(section, split).samples}
    with pytest.raises(UserError, match="leaves none"):
        section = DataSection(root=str(root), val_share=0.001)
        divide_survey(section, survey_splits(find_data(section)).surveys)


def test_splits_that_training_would_ask_for_are_noted(data, tmp_path):
    root = data.write("voc", tmp_path / "data")
    (root / "ImageSets" / "Main" / "val.txt").rename(root / "ImageSets" / "Main" / "test.txt")
    surveyed = survey_splits(find_data(DataSection(root=str(root))))
    assert [survey.split for survey in surveyed.surveys] == ["train", "test"]
    assert [(finding.kind, finding.severity) for finding in surveyed.findings] == [("no-val-split", "note")]
    (root / "ImageSets" / "Main" / "train.txt").rename(root / "ImageSets" / "Main" / "val.txt")
    assert [f.kind for f in survey_splits(find_data(DataSection(root=str(root)))).findings] == ["no-train-split"]


def test_notes_of_a_data_file_are_told(data, tmp_path):
    root = data.write("yolo", tmp_path / "data")
    (root / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [round, long, pointed]\nroboflow: x\n")
    notes = survey_splits(find_data(DataSection(root=str(root)))).findings
    assert {note.kind for note in notes} == {"reading-note"} and any("roboflow" in note.what for note in notes)


def test_what_only_the_reader_refuses_is_not_called_fine(data, tmp_path):
    """An area that is no number: the survey does not look at it."""
    root = data.write("coco", tmp_path / "data")
    found = find_data(DataSection(root=str(root)))
    assert refused_opening(found, survey_splits(found)) == []
    file = root / "annotations" / "instances_val.json"
    file.write_text(file.read_text().replace('"iscrowd": 0', '"iscrowd": 7', 1))
    surveyed = survey_splits(found)
    assert surveyed.findings == ()
    (finding,) = refused_opening(found, surveyed)
    assert (finding.kind, finding.severity) == ("unreadable-split", "error") and "iscrowd" in finding.what


def test_a_folder_with_nothing_to_look_at_is_refused(tmp_path):
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    with pytest.raises(UserError):
        survey_splits(find_data(DataSection(root=str(tmp_path), format="yolo")))


def layouts() -> dict[str, Any]:
    """How each tool lays its data sets out, by the tests of the catalogue."""
    path = Path(__file__).parents[1] / "catalogue" / "test_layouts.py"
    spec = importlib.util.spec_from_file_location("layouts", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LAYOUTS


@pytest.mark.parametrize("name", layouts())
def test_every_layout_that_is_opened_is_surveyed(name, files, opened, tmp_path):
    layouts()[name](files, tmp_path / "data")
    found = find_data(DataSection(root=str(tmp_path / "data")))
    surveyed = survey_splits(found)
    for finding in surveyed.findings:  # a part that a YAML names and that is not there
        if finding.severity != "note":
            assert finding.kind == "unreadable-split"
            with pytest.raises(UserError, match="neither a folder of images"):
                open_dataset(found.data, finding.what.partition(":")[0])
    assert len(surveyed.surveys) > 0
    assert refused_opening(found, surveyed) == []
    for survey in surveyed.surveys:
        data = found.data.model_copy(update={survey.split: surveyed.places[survey.split]})
        read = found.format.read(data, found.tree, survey.split)
        ours = opened(tmp_path / "data")[survey.split].dataset
        assert ours.names == read.names and len(ours) == len(read)
        for own, other in zip(ours.samples, read.samples):
            assert (own.path, own.image_id) == (other.path, other.image_id)
            assert own.boxes == pytest.approx(other.boxes, abs=1e-3) and own.labels.tolist() == other.labels.tolist()
