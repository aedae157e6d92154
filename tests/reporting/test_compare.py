"""Two models on the same images: measured or read, the verdict and its page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.evaluation.measure import DataSource, measure
from yolov3.evaluation.report import write_metrics, write_predictions
from yolov3.reporting.compare import NUMBERS, PAGE, CompareOptions, compare_models


@pytest.fixture
def save(measured, tmp_path):
    """Writes an evaluation of these detections into a folder of that name."""

    def write(name, detections):
        folder = tmp_path / name
        folder.mkdir()
        root = str(measured.dataset.samples[0].path.parents[1])
        evaluation = replace(
            measure(measured.dataset, detections), settings=measured.settings, source=DataSource({"root": root}, "val")
        )
        write_metrics(folder / "metrics.json", evaluation)
        write_predictions(folder / "predictions.json", measured.dataset, detections)
        return folder

    return write


def compared(one: Path, other: Path, tmp_path: Path, **more):
    return compare_models(CompareOptions(one, other, output=tmp_path / "out", **more))


def test_a_model_without_half_of_its_detections_is_worse_and_what_it_lost_is_shown(measured, save, tmp_path):
    found = measured.evaluation.detections
    found_less = [each[::2] for each in found]
    result = compared(save("whole", found), save("half", found_less), tmp_path)
    comparison = result.comparison
    assert comparison.names == ("whole", "half") and comparison.verdict.startswith("whole is better: AP50 +")
    assert comparison.num_lost > 5 > comparison.num_won
    plain = json.loads((result.folder / NUMBERS).read_text())
    assert plain["names"] == ["whole", "half"] and plain["verdict"] == comparison.verdict
    text = (result.folder / PAGE).read_text()
    assert f"Found by whole alone ({comparison.num_lost})" in text and "Whole is better" in text
    lost = text[text.index('id="lost"') : text.index('id="images"')]
    assert len(re.findall("data:image/jpeg", lost)) == min(24, comparison.num_lost)


def test_a_model_is_no_better_than_itself(measured, save, tmp_path):
    found = measured.evaluation.detections
    result = compared(save("a", found), save("b", found), tmp_path)
    assert result.comparison.verdict.startswith("no difference that 12 images could show")
    assert result.comparison.num_won == result.comparison.num_lost == 0


def test_models_are_measured_first(measured, write_seeing_model, tmp_path):
    root = str(measured.dataset.samples[0].path.parents[1])
    one, other = (
        write_seeing_model(tmp_path / f"{name}.pt", width=width) for name, width in (("a", 0.0625), ("b", 0.125))
    )
    result = compared(one, other, tmp_path, data=root, device="cpu")
    assert result.comparison.names == ("a.pt", "b.pt") and (result.folder / PAGE).is_file()


def test_names_are_as_long_as_they_differ(measured, save, tmp_path):
    found = measured.evaluation.detections
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    one, other = save("x/run", found), save("y/run", found)
    assert compared(one, other, tmp_path).comparison.names == ("x/run", "y/run")


def test_a_model_without_data_asks_for_it(measured, save, tmp_path):
    folder = save("a", measured.evaluation.detections)
    with pytest.raises(UserError, match="give --data, on which both are measured"):
        compared(tmp_path / "b.pt", tmp_path / "c.pt", tmp_path)
    with pytest.raises(UserError, match="is no folder of an evaluation; give --data"):
        compared(folder, tmp_path / "b.pt", tmp_path)
    assert not (tmp_path / "out").exists()


def test_in_a_browser_it_is_whole_and_quiet(browser, measured, save, tmp_path):
    found = measured.evaluation.detections
    path = compared(save("a", found), save("b", [each[1:] for each in found]), tmp_path).folder / PAGE
    browser.requests()
    browser.open(path, 390)
    assert browser.logs() == [] and browser.requests() == [path.as_uri()]
    assert browser.run("return document.documentElement.scrollWidth") <= 390
