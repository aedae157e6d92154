"""An epoch in numbers: its columns, its panels, there and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import pytest

from yolov3.journal.rows import ClassificationRow, DetectionRow, EpochRow, TimingRow

DETECTION = DetectionRow(3, 3.0, 2.0, 1.0, 0.5, 0.25, 0.75, 0.001, 4)
CLASSIFICATION = ClassificationRow(3, 0.5, 0.75, 1.0, 0.01, 4)
ROWS = [
    DETECTION,
    replace(DETECTION, ap50=None, ap=None, training_ap=None),
    CLASSIFICATION,
    replace(CLASSIFICATION, top1=None, top5=None),
]


def test_the_columns_are_those_that_files_have():
    """Spreadsheets, plots and older checkpoints know them by these names."""
    assert DetectionRow.columns() == (
        "epoch", "train/box", "train/obj", "train/cls", "metrics/AP50", "metrics/AP", "metrics/AP_train",
        "learning_rate", "skipped_steps",
    )  # fmt: skip
    assert ClassificationRow.columns() == (
        "epoch", "train/cross_entropy", "metrics/top1", "metrics/top5", "learning_rate", "skipped_steps",
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_row_there_and_back(row):
    plain = row.as_plain()
    assert tuple(plain) == type(row).columns()
    assert type(row).from_plain(plain) == row
    assert list(plain.values()) == [getattr(row, each.name) for each in fields(row)]


def test_values_stand_under_their_own_names():
    assert DETECTION.as_plain()["metrics/AP_train"] == 0.75 and DETECTION.as_plain()["train/obj"] == 2.0
    assert CLASSIFICATION.as_plain()["metrics/top5"] == 1.0 and CLASSIFICATION.as_plain()["skipped_steps"] == 4


@pytest.mark.parametrize("column", DetectionRow.columns())
def test_plain_values_without_a_column_are_no_row(column):
    plain = DETECTION.as_plain()
    del plain[column]
    with pytest.raises(KeyError, match=column):
        DetectionRow.from_plain(plain)


def test_a_row_of_one_kind_is_none_of_another():
    with pytest.raises(KeyError):
        ClassificationRow.from_plain(DETECTION.as_plain())


def test_curves_show_columns_that_there_are():
    assert DetectionRow.panels() == {
        "loss": ("train/box", "train/obj", "train/cls"),
        "average precision": ("metrics/AP50", "metrics/AP", "metrics/AP_train"),
        "learning rate": ("learning_rate",),
    }
    assert ClassificationRow.panels() == {
        "loss": ("train/cross_entropy",),
        "accuracy": ("metrics/top1", "metrics/top5"),
        "learning rate": ("learning_rate",),
    }
    assert EpochRow.panels() == {} and EpochRow.columns() == ("epoch",)


def test_another_kind_of_row_says_itself_what_it_shows():
    @dataclass(frozen=True)
    class Own(EpochRow):
        error: float = field(metadata={"column": "mine", "panel": "loss"})
        note: str = field(metadata={"column": "note", "panel": None})

    assert Own.columns() == ("epoch", "mine", "note") and Own.panels() == {"loss": ("mine",)}
    assert Own.from_plain({"epoch": 1, "mine": 0.5, "note": "x", "more": 2}) == Own(1, 0.5, "x")


def test_times_by_their_own_names():
    row = TimingRow(2, 100.5, 0.25, 12.0)
    assert row.as_plain() == {"epoch": 2, "images_per_second": 100.5, "data_wait_share": 0.25, "seconds": 12.0}
