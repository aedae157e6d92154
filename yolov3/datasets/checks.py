"""What is worth knowing of data before anything is learned from them, and what to beware of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yolov3.anchors import measure_anchors
from yolov3.datasets.box_sides import learned_sides
from yolov3.datasets.dataset import Dataset, shared_images
from yolov3.structures import Level, Preprocessing
from yolov3.watching.words import counted

POOR_RECALL = 0.9


def describe_data(dataset: Dataset, name: str) -> str:
    """What was read in a line, and a line for each problem."""
    counts, *problems = dataset.report.summary().split("\n")
    return "\n".join((f"{name}: {counts}; {counted(len(dataset.names), 'class')} ({dataset.source})", *problems))


def without_repeated(dataset: Dataset, told: Dataset) -> Dataset:
    """A data set without the remarks that another one's report makes too: what is true of both is said once."""
    problems = tuple(text for text in dataset.report.problems if text not in told.report.problems)
    return replace(dataset, report=replace(dataset.report, problems=problems))


def describe_overlap(training_data: Dataset, validation_data: Dataset) -> str | None:
    """A warning about images that are in both splits: what they tell is no measurement."""
    both = shared_images(training_data, validation_data)
    if not both:
        return None
    return f"warning: {len(both)} of the validation images are training images too, such as {both[0]}"


def describe_anchors(dataset: Dataset, preprocessing: Preprocessing, levels: tuple[Level, ...]) -> str:
    """How large the boxes are that will be learned, how well the anchors match them, and a warning when they do not."""
    sides = learned_sides(dataset, preprocessing)
    small, middle, large = np.percentile(sides.prod(axis=1) ** 0.5, (5, 50, 95))
    match = measure_anchors(sides, tuple(level.anchors for level in levels))
    strides = ", ".join(str(level.stride) for level in levels)
    text = (
        f"boxes are {small:.0f} to {large:.0f} pixels in the network's input (median {middle:.0f}), its strides {strides}; "
        f"anchors fit them with a mean IoU of {match.mean_iou:.2f}, recall {match.recall:.3f}"
    )
    if match.recall < POOR_RECALL:
        text += "\nwarning: these anchors miss much of the data; `yolov3 anchors CONFIG` fits better ones"
    return text
