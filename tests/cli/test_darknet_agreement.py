"""``yolov3 evaluate`` on Darknet's models gives the twelve numbers that Darknet's own detections give."""

from __future__ import annotations

import json

import pytest

from yolov3.cli import main

CASES = [
    pytest.param("yolo-fastest-1.1", "stretch"),
    pytest.param("yolo-fastest-1.1", "letterbox", marks=pytest.mark.slow),
    pytest.param("yolo-fastest-1.1-xl", "stretch", marks=pytest.mark.slow),
    pytest.param("yolo-fastest-1.1-xl", "letterbox", marks=pytest.mark.slow),
]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "fit"), CASES)
def test_the_twelve_numbers(shared, tmp_path, name, fit):
    weights, data = shared / "darknet" / f"{name}.weights", shared / "datasets" / "coco-tiny"
    # Darknet's results are not capped per image.
    arguments = ["--weights", weights, "--data", data, "--fit", fit, "--max-det", "10000", "--workers", "0"]
    assert main(["evaluate", *map(str, arguments), "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / name / "metrics.json").read_text())["coco"]
    expected = json.loads((shared / "reference" / "darknet_coco_ap.json").read_text())[name][fit]
    assert found == pytest.approx(expected, abs=0.005)
