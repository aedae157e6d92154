"""Sections show the numbers of the analysis, all of them."""

from __future__ import annotations

import pytest

from yolov3.analysis.intervals import Interval
from yolov3.reporting import sections
from yolov3.reporting.page import Chart, Matrix, Table


@pytest.fixture(scope="module")
def evidence(measured):
    return measured.analyse().evidence


def part(section, kind):
    return next(each for each in section.parts if isinstance(each, kind))


def test_numbers_that_are_not_defined_are_strokes():
    assert sections.number(None) == "-" and sections.number(0.12345) == "0.123" and sections.number(1.5, 1) == "1.5"
    assert sections.interval_words(Interval(0.5, 0.4, 0.6)) == "0.400 to 0.600"
    assert sections.interval_words(Interval(0.5, None, None)) == ""


def test_classes_have_their_intervals_and_the_worth_of_their_detections(evidence):
    section = sections.classes_section(evidence.intervals, evidence.confusion, evidence.curves)
    rows = part(section, Table).rows
    assert [row[0] for row in rows] == [*evidence.confusion.names, "all"]
    for row, interval, point in zip(rows, evidence.intervals.classes, evidence.confusion.points()):
        assert row[2] == sections.number(interval.ap50.value) and row[6] == sections.number(point.threshold)
    total = evidence.confusion.total()
    assert rows[-1][-3:] == tuple(map(sections.number, (total.precision, total.recall, total.f1)))


def test_costs_are_all_told(evidence):
    section = sections.costs_section(evidence.errors)
    rows = part(section, Table).rows
    assert [row[0] for row in rows] == [cost.kind for cost in evidence.errors.costs]
    assert [row[2] for row in rows] == [f"{100 * cost.ap50:.2f}" for cost in evidence.errors.costs]
    assert 'href="#gallery-false-alarms"' in part(section, Chart).svg


def test_the_matrix_has_the_counts(evidence):
    counts = evidence.confusion.counts
    matrix = part(sections.confusion_section(evidence.confusion, {(0, 1)}), Matrix)
    assert [name for name, _ in matrix.rows] == list(matrix.columns) == [*evidence.confusion.names, "background"]
    for row, (_, cells) in enumerate(matrix.rows):
        assert [cell.count for cell in cells] == counts[row].tolist()
        assert sum(cell.share for cell in cells) == pytest.approx(1 if counts[row].any() else 0)
        assert [cell.right for cell in cells] == [column == row for column in range(len(cells))]
    assert matrix.rows[0][1][1].link == "cell-0-1" and matrix.rows[1][1][0].link == ""


def test_of_many_classes_the_most_confused_are_shown(evidence, monkeypatch):
    monkeypatch.setattr(sections, "MOST_CLASSES", 2)
    section = sections.confusion_section(evidence.confusion, set())
    counts = evidence.confusion.counts
    wrong = [
        counts[label].sum() + counts[:, label].sum() - 2 * counts[label, label] for label in range(len(counts) - 1)
    ]
    shown = part(section, Matrix).columns[:-1]
    assert len(shown) == 2 and min(wrong[evidence.confusion.names.index(name)] for name in shown) >= sorted(wrong)[-2]
    assert f"{len(counts) - 3} classes that are seldom confused are left out" in section.lead


def test_curves_strata_and_calibration_tell_all(evidence):
    curves = sections.curves_section(evidence.curves, evidence.confusion.points(), evidence.curves.operating())
    assert sum(isinstance(each, Chart) for each in curves.parts) == 4
    assert len(part(curves, Table).rows) == 3 * (len(evidence.confusion.names) + 1)
    strata = sections.strata_section(evidence.divisions)
    tables = [each for each in strata.parts if isinstance(each, Table)]
    assert [len(table.rows) for table in tables] == [len(division.strata) for division in evidence.divisions]
    calibration = sections.calibration_section(evidence.calibration)
    assert len(part(calibration, Table).rows) == len(evidence.calibration.bins)
