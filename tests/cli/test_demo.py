"""The demo runs from end to end (a short one; the full one takes minutes), and the table of networks is right."""

from __future__ import annotations

import cv2
import pytest

from yolov3.cli import main


def test_a_short_demo(tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path), "--images", "16", "--epochs", "1"]) == 0
    output = capsys.readouterr().out
    assert "Average Precision" in output and "Look at" in output
    folder = tmp_path / "demo"
    assert len(list((folder / "pictures").glob("*.jpg"))) == 12
    capture = cv2.VideoCapture(str(folder / "video" / "shapes.mp4"))
    frames = 0
    while capture.read()[0]:
        frames += 1
    assert frames == 120
    for name in ("train/results.csv", "train/weights/best.pt", "evaluate/metrics.json", "evaluate/predictions.json"):
        assert (folder / name).is_file()


def test_the_table_of_networks(capsys):
    assert main(["models"]) == 0
    output = capsys.readouterr().out
    for row in (
        "| yolov3 | 80 | 416 | 32, 16, 8 | 61,949,149 | 65.86 |",
        "| yolov3-tiny | 80 | 416 | 32, 16 | 8,852,366 | 5.56 |",
    ):
        assert row in output
    assert main(["models", "--imgsz", "100"]) == 2


@pytest.mark.slow
def test_the_demo_reaches_its_mark(tmp_path):
    import json

    assert main(["demo", "--output", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "demo" / "evaluate" / "metrics.json").read_text())["coco"]["AP50"] >= 0.9
