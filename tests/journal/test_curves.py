"""The curves of a run, at its end and when it was stopped early."""

from __future__ import annotations

import warnings

import cv2
import pytest

from yolov3.journal.curves import draw_curves

ROW = {
    "train/box": 3.0,
    "train/obj": 2.0,
    "train/cls": 1.0,
    "metrics/AP50": None,
    "metrics/AP": None,
    "metrics/AP_train": None,
    "learning_rate": 0.001,
}


@pytest.mark.parametrize("scores", [{}, {"metrics/AP50": 0.5, "metrics/AP": 0.3}])
def test_a_image_is_drawn_whether_there_are_scores_or_not(tmp_path, scores):
    pytest.importorskip("matplotlib")
    history = [{"epoch": 1, **ROW}, {"epoch": 2, **ROW, **scores}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_curves(tmp_path / "curves.png", history)
    assert cv2.imread(str(tmp_path / "curves.png")).std() > 1


def test_nothing_is_drawn_of_nothing(tmp_path):
    draw_curves(tmp_path / "curves.png", [])
    assert not (tmp_path / "curves.png").exists()
