"""The numbers of a run on disk: results that are written anew, times that are added, what TensorBoard is given."""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3 import UserError
from yolov3.journal.recorder import Recorder
from yolov3.journal.rows import ClassificationRow, DetectionRow, TimingRow

FIRST = DetectionRow(1, 3.0, 2.0, 1.0, None, None, None, 0.001, 0)
SECOND = DetectionRow(2, 1.5, 1.0, 0.1 + 0.2, 0.5, 0.25, 0.75, 0.0005, 1)
TIMING = TimingRow(1, 123.456789, 0.25, 10.0)


@pytest.fixture
def recorder(tmp_path):
    made = Recorder(tmp_path)
    yield made
    made.close()


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize(
    "rows",
    [
        [FIRST],
        [FIRST, SECOND],
        [ClassificationRow(1, 0.5, None, None, 0.01, 0), ClassificationRow(2, 0.25, 1.0, 1.0, 0.01, 3)],
    ],
)
def test_results_can_be_read_back_to_the_last_digit(recorder, tmp_path, rows):
    recorder.record(rows, TIMING)
    found = table_of(tmp_path / "results.csv")
    assert len(found) == len(rows) and tuple(found[0]) == type(rows[0]).columns()
    for row, cells in zip(rows, found):
        for name, value in row.as_plain().items():
            assert cells[name] == "" if value is None else float(cells[name]) == value
    assert b"\r" not in (tmp_path / "results.csv").read_bytes()


def test_a_resumed_run_leaves_no_row_twice(recorder, tmp_path):
    recorder.record([FIRST], TIMING)
    recorder.record([FIRST, SECOND], replace(TIMING, epoch=2))
    resumed = Recorder(tmp_path)  # from a checkpoint after the first epoch
    resumed.record([FIRST, replace(SECOND, ap=0.5)], replace(TIMING, epoch=2, seconds=20.0))
    resumed.close()
    rows = table_of(tmp_path / "results.csv")
    assert [(row["epoch"], row["metrics/AP"]) for row in rows] == [("1", ""), ("2", "0.5")]
    times = table_of(tmp_path / "timing.csv")  # what was computed twice took its time twice
    assert [(row["epoch"], row["seconds"]) for row in times] == [("1", "10"), ("2", "10"), ("2", "20")]
    assert list(times[0]) == ["epoch", "images_per_second", "data_wait_share", "seconds"]
    assert float(times[0]["images_per_second"]) == pytest.approx(TIMING.images_per_second, rel=1e-5)


@pytest.mark.parametrize("shape", [(30, 40, 3), (1, 1, 3)])
def test_the_newest_image_of_a_name_is_kept(recorder, tmp_path, shape):
    generator = np.random.default_rng(0)
    for epoch in (1, 2):
        image = generator.integers(0, 256, shape, dtype=np.uint8)
        recorder.image("sheet", image, epoch)
    written = cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB)
    assert np.array_equal(written, image)
    assert len(list(tmp_path.glob("*.png"))) == 1


def events_of(folder: Path):
    """What TensorBoard itself reads."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0})
    return events.Reload()


def test_tensorboard_has_the_same_numbers(recorder, tmp_path):
    recorder.record([FIRST], TIMING)
    recorder.record([FIRST, SECOND], replace(TIMING, epoch=2))
    recorder.classes({"cat": 0.5, "dog": None}, 2)
    recorder.image("sheet", np.zeros((4, 6, 3), np.uint8), 2)
    recorder.close()
    events = events_of(tmp_path)
    scalars = {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert scalars["train/box"] == [(1, 3.0), (2, 1.5)] and scalars["metrics/AP"] == [(2, 0.25)]
    assert scalars["AP of classes/cat"] == [(2, 0.5)] and "AP of classes/dog" not in scalars
    assert scalars["seconds"] == [(1, 10.0), (2, 10.0)] and "epoch" not in scalars
    (image,) = events.Images("sheet")
    assert (image.step, image.height, image.width) == (2, 4, 6)


def test_without_tensorboard_the_files_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    recorder = Recorder(tmp_path)
    recorder.record([FIRST, SECOND], TIMING)
    recorder.classes({"cat": 0.5}, 1)
    recorder.image("sheet", np.zeros((4, 6, 3), np.uint8), 1)
    recorder.close()
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "timing.csv", "classes.csv", "sheet.png"}


def test_each_class_has_a_row_for_each_epoch_that_was_measured(recorder, tmp_path):
    recorder.classes({"cat": 0.5, "dog": None}, 1)
    recorder.classes({"cat": 0.25, 'a "dog", small': 1.0}, 2)
    recorder.close()
    with (tmp_path / "classes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"epoch": "1", "class": "cat", "AP": "0.500000"},
        {"epoch": "2", "class": "cat", "AP": "0.250000"},
        {"epoch": "2", "class": 'a "dog", small', "AP": "1.000000"},
    ]


def test_results_that_cannot_be_written_are_told(recorder, tmp_path):
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(UserError, match=r"results\.csv: cannot be written"):
        recorder.record([FIRST], TIMING)
