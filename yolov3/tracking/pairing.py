"""Which of some boxes are which of some others: the pairs that overlap most in all."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from yolov3.boxes import iou_matrix

NEVER = 1000.0  # the cost of a pair that cannot be


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The IoU of boxes (T, 4) and (N, 4) xyxy as (T, N)."""
    pairs = iou_matrix(
        torch.from_numpy(np.asarray(first, np.float64)), torch.from_numpy(np.asarray(second, np.float64))
    )
    return pairs.numpy()


def pair(alike: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of rows and columns of ``alike`` (T, N) whose sum is the greatest of all in which none is below ``least``
    and as many as can be are paired; each row and column at most once."""
    if not alike.size:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing
    costs = np.where(alike >= least, 1 - alike, NEVER)
    rows, columns = linear_sum_assignment(costs)
    possible = costs[rows, columns] < NEVER
    return rows[possible], columns[possible]
