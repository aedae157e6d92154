"""Whether scores mean what they say: of detections with a score of 0.7, are 70 % right?

Right is what found a truth at IoU 0.5; detections in ignored truths do not count. The expected calibration error is that of
Guo et al. 2017, "On Calibration of Modern Neural Networks": over bins of equal width, how far the mean score lies from the
share that is right, weighted by how many there are.

Most detections of an evaluation have scores near 0, where little can be wrong. So a gap is also taken of those alone that are
above given thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolov3.analysis.curves import above_thresholds
from yolov3.analysis.matching import Matching

BINS = 10


@dataclass(frozen=True)
class ScoreBin:
    """Detections with scores from ``low`` to ``high`` (the last bin: with both ends): how many (``count``), their mean score
    and the share of them that is right, None where there are none."""

    low: float
    high: float
    count: int
    mean_score: float | None
    share_right: float | None

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Calibration:
    """The bins; the ``expected_error`` over them; ``gap``: mean score less share right of the ``count_above`` detections
    above the thresholds, larger than 0 where scores promise too much. None without detections."""

    bins: tuple[ScoreBin, ...]
    expected_error: float | None
    gap: float | None
    count_above: int

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "bins": [one.as_plain() for one in self.bins]}


def calibrate(matching: Matching, thresholds: Sequence[float]) -> Calibration:
    """The calibration at the first IoU of the matching; ``thresholds`` (one per class) are those of the gap. Scores outside
    of 0..1 count in the outer bins."""
    counted = ~matching.ignored[0]
    scores, right = matching.found.score[counted], matching.right[0][counted]
    places = np.clip(np.floor(np.round(scores * BINS, 6)), 0, BINS - 1).astype(np.int64)
    counts = np.bincount(places, minlength=BINS)
    score_sums = np.bincount(places, weights=scores, minlength=BINS)
    right_sums = np.bincount(places, weights=right, minlength=BINS)
    bins = tuple(
        ScoreBin(
            low=place / BINS,
            high=(place + 1) / BINS,
            count=int(count),
            mean_score=float(score_sum / count) if count else None,
            share_right=float(right_sum / count) if count else None,
        )
        for place, (count, score_sum, right_sum) in enumerate(zip(counts, score_sums, right_sums))
    )
    error = float(np.abs(score_sums - right_sums).sum() / len(scores)) if len(scores) else None
    above = above_thresholds(matching, thresholds)[counted]
    gap = float(scores[above].mean() - right[above].mean()) if above.any() else None
    return Calibration(bins, error, gap, int(above.sum()))
