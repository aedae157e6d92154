"""The curves of a run, at its end and when it was stopped early."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest

from yolov3 import UserError
from yolov3.journal.curves import draw_curves
from yolov3.journal.rows import ClassificationRow, DetectionRow, EpochRow

UNMEASURED = DetectionRow(1, 3.0, 2.0, 1.0, None, None, None, 0.001, 0)
MEASURED = replace(UNMEASURED, epoch=2, ap50=0.5, ap=0.3)
CLASSIFIED = ClassificationRow(1, 0.5, 0.75, 1.0, 0.01, 0)


@dataclass(frozen=True)
class OnePanel(EpochRow):
    """A row of which one panel is shown."""

    error: float = field(metadata={"column": "error", "panel": "loss"})


@dataclass(frozen=True)
class OneShare(EpochRow):
    """A row that shows a share."""

    share: float = field(metadata={"column": "share", "panel": "accuracy"})


@pytest.fixture
def drawn(tmp_path):
    """A function of rows: the image that is drawn of them."""

    def draw(*rows: EpochRow) -> np.ndarray:
        assert draw_curves(tmp_path / "curves.png", rows)
        return cv2.imread(str(tmp_path / "curves.png"))

    return draw


@pytest.mark.parametrize(
    "rows",
    [
        [UNMEASURED, replace(UNMEASURED, epoch=2)],
        [UNMEASURED, MEASURED],
        [UNMEASURED],
        [CLASSIFIED, replace(CLASSIFIED, epoch=2, top1=None, top5=None)],
        [replace(MEASURED, epoch=number, ap=number / 100) for number in range(1, 80)],
        [replace(UNMEASURED, learning_rate=0.0, skipped_steps=9)],
        [OnePanel(1, 0.5), OnePanel(2, 0.25)],
    ],
)
def test_an_image_is_drawn_whether_there_are_scores_or_not(drawn, rows):
    assert drawn(*rows).std() > 1


def is_coloured(image: np.ndarray) -> np.ndarray:
    """Which pixels are neither white nor grey nor black: those of curves."""
    return image.max(axis=2).astype(int) - image.min(axis=2) > 60


def coloured(image: np.ndarray) -> int:
    return int(is_coloured(image).sum())


def test_scores_that_are_there_are_seen(drawn):
    assert coloured(drawn(UNMEASURED, MEASURED)) > coloured(drawn(UNMEASURED, replace(UNMEASURED, epoch=2))) + 20


def test_a_score_of_0_is_a_score(drawn):
    nothing, zero = (replace(UNMEASURED, ap50=score, ap=score) for score in (None, 0.0))
    assert coloured(drawn(zero, replace(zero, epoch=2))) > coloured(drawn(nothing, replace(nothing, epoch=2))) + 20


@pytest.mark.parametrize(("share", "height"), [(0.0, 0.93), (0.25, 0.7), (0.75, 0.3), (1.0, 0.07)])
def test_shares_are_shown_between_0_and_1(drawn, share, height):
    """Whatever they are, so that the panels of two runs can be laid side by side."""
    image = drawn(OneShare(1, share), OneShare(2, share))
    rows = np.nonzero(is_coloured(image))[0]
    assert np.median(rows) / len(image) == pytest.approx(height, abs=0.12)


def test_there_is_a_panel_for_each_group_of_columns(drawn):
    """Their frames are the vertical lines that are dark over most of the height: two for each."""
    for rows, panels in (([UNMEASURED, MEASURED], 3), ([CLASSIFIED], 3), ([OnePanel(1, 0.5)], 1)):
        grey = cv2.cvtColor(drawn(*rows), cv2.COLOR_BGR2GRAY)
        columns = np.flatnonzero((grey < 128).mean(axis=0) > 0.6)
        assert len([x for x in columns if x - 1 not in columns]) == 2 * panels


def test_nothing_is_drawn_of_nothing(tmp_path):
    assert not draw_curves(tmp_path / "curves.png", [])
    assert not (tmp_path / "curves.png").exists()


def test_no_window_system_is_chosen_for_the_process(drawn):
    """Figures of the user's own, in a notebook, must stay as they are."""
    import sys

    before = "matplotlib.pyplot" in sys.modules
    drawn(MEASURED)
    assert ("matplotlib.pyplot" in sys.modules) is before


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UserError, match=r"no/curves\.png: cannot be written"):
        draw_curves(tmp_path / "no" / "curves.png", [MEASURED])
