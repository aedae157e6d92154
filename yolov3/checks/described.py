"""What is worth knowing of data before anything is learned from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yolov3.anchors import measure_anchors
from yolov3.datasets.box_sides import learned_sides
from yolov3.datasets.dataset import Dataset
from yolov3.structures import Level, Preprocessing
from yolov3.watching.words import counted


def describe_data(dataset: Dataset, name: str) -> str:
    """What was read in a line, and a line for each problem."""
    counts, *problems = dataset.report.summary().split("\n")
    return "\n".join((f"{name}: {counts}; {counted(len(dataset.names), 'class')} ({dataset.source})", *problems))


def without_repeated(dataset: Dataset, told: Dataset) -> Dataset:
    """A data set without the remarks that another one's report makes too: what is true of both is said once."""
    problems = tuple(text for text in dataset.report.problems if text not in told.report.problems)
    return replace(dataset, report=replace(dataset.report, problems=problems))


def describe_anchors(dataset: Dataset, preprocessing: Preprocessing, levels: tuple[Level, ...]) -> str:
    """How large the boxes are that will be learned, and how well the anchors match them. Raises
    UserError for data without any."""
    sides = learned_sides(dataset, preprocessing)
    small, middle, large = np.percentile(sides.prod(axis=1) ** 0.5, (5, 50, 95))
    match = measure_anchors(sides, tuple(level.anchors for level in levels))
    strides = ", ".join(str(level.stride) for level in levels)
    return (
        f"boxes are {small:.0f} to {large:.0f} pixels in the network's input (median {middle:.0f}), its strides {strides}; "
        f"anchors fit them with a mean IoU of {match.mean_iou:.2f}, recall {match.recall:.3f}"
    )
