"""All detections of a data set in four arrays, checked: what the metrics and ``predictions.json`` are made of.

Legend: M detections of all images together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections


@dataclass(frozen=True)
class FlatDetections:
    """``image_index`` (M,) int64 into the data set's samples, ascending; ``boxes`` (M, 4) float64 xyxy pixels;
    ``scores`` (M,) float64; ``labels`` (M,) int64. Within an image in the order in which they were given. ``dropped``
    counts those that are none: with numbers that are not finite, or with right of left or bottom of top."""

    image_index: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    dropped: int

    def __len__(self) -> int:
        return len(self.scores)


def flatten_detections(dataset: Dataset, detections: Sequence[Detections]) -> FlatDetections:
    """The detections of each sample, in the samples' order, as arrays.

    Boxes with NaN are dropped because pycocotools takes them for perfect. Raises ValueError when the numbers of samples
    and detections differ or a label is none of the data set's.
    """
    if len(detections) != len(dataset.samples):
        raise ValueError(f"{len(dataset.samples)} samples but detections of {len(detections)} images")
    counts = [len(found) for found in detections]
    image_index = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    boxes = _joined([found.boxes for found in detections], np.float64).reshape(-1, 4)
    scores = _joined([found.scores for found in detections], np.float64)
    labels = _joined([found.labels for found in detections], np.int64)
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(dataset.names)):
        raise ValueError(f"labels must lie in 0..{len(dataset.names) - 1}, found {labels.min()}..{labels.max()}")
    usable = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    usable &= (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
    if usable.all():  # as nearly always: no copies of a million boxes
        return FlatDetections(image_index, boxes, scores, labels, dropped=0)
    return FlatDetections(
        image_index[usable], boxes[usable], scores[usable], labels[usable], dropped=int((~usable).sum())
    )


def _joined(tensors: Sequence[Tensor], kind: type) -> np.ndarray:
    arrays = [tensor.numpy(force=True) for tensor in tensors]
    return np.concatenate(arrays).astype(kind) if arrays else np.zeros(0, kind)
