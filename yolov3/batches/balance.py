"""How often images of rare classes are shown.

Source: the repeat factors of LVIS (Gupta, Dollár and Girshick 2019): for each class max(1, sqrt(t / f)), with f the
share of images that it appears in and t a threshold; for each image the largest of its classes'.
"""

from __future__ import annotations

import numpy as np

from yolov3.datasets.dataset import Dataset


def repeat_factors(dataset: Dataset, threshold: float) -> np.ndarray:
    """(len(dataset),) float64, at least 1: how much more often than others each image is to be shown. Ignored objects
    do not count."""
    seen = np.zeros((len(dataset), len(dataset.names)), bool)
    for number, sample in enumerate(dataset.samples):
        seen[number, sample.labels[~sample.ignore]] = True
    shares = seen.mean(axis=0)
    factors = np.sqrt(np.maximum(1.0, threshold / np.maximum(shares, 1e-12)))
    return np.where(seen, factors, 1.0).max(axis=1, initial=1.0)
