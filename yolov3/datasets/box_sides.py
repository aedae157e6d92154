"""The sides of a data set's boxes as the network will see them: what anchors are fitted to and measured by."""

from __future__ import annotations

import numpy as np

from yolov3.boxes import box_sides
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.geometry import Geometry
from yolov3.structures import Preprocessing


def learned_sides(dataset: Dataset, preprocessing: Preprocessing) -> np.ndarray:
    """(N, 2) float64 (width, height) in pixels of the network's input, of all boxes that are learned. Raises UserError
    for a data set without any."""
    found = [
        Geometry.fit(sample.size, preprocessing).boxes_to_network(sample.boxes[~sample.ignore])
        for sample in dataset.samples
    ]
    boxes = np.concatenate(found).astype(np.float64) if found else np.zeros((0, 4))
    if not len(boxes):
        raise UserError(f"{dataset.source}: no boxes to learn from")
    return box_sides(boxes)
