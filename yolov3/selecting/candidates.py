"""Which places of a batch's predictions are worth a look: the boxes above the threshold, image by image.

In main memory they are numpy's arrays: for the handful that an image has, its operations take a third of the time of
torch's, and right after a network has filled the caches that is most of what is left to do. On another device they are
tensors there, and only what is left crosses over.

Legend: B images, N places, C classes, K candidates.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from yolov3.structures import Predictions

logger = logging.getLogger(__name__)

Array = Any
"""numpy's array, or a tensor that lies on another device: what is done here both do alike."""


class Candidates(NamedTuple):
    """Boxes (K, 4) in pixels of the network's input, scores (K,) and labels (K,) of one image."""

    boxes: Array
    scores: Array
    labels: Array

    def chosen(self, index: Array) -> Candidates:
        """Those that an index names."""
        return Candidates(self.boxes[index], self.scores[index], self.labels[index])

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores and labels as tensors, wherever they lie."""
        return torch.as_tensor(self.boxes), torch.as_tensor(self.scores), torch.as_tensor(self.labels)

    def in_main_memory(self) -> Candidates:
        """The same as numpy's arrays."""
        return Candidates(*map(in_main_memory, self))

    def best(self, count: int) -> Candidates:
        """So many of the surest, at most."""
        if len(self.scores) <= count:
            return self
        surest = torch.as_tensor(self.scores).topk(count).indices
        return self.chosen(surest.numpy() if isinstance(self.scores, np.ndarray) else surest)


def candidates_of(
    predictions: Predictions,
    confidence: float | Sequence[float],
    *,
    multi_label: bool = False,
    classes: Sequence[int] | None = None,
) -> list[Candidates]:
    """All (place, class) pairs whose objectness, and objectness times class probability, is above ``confidence``, of all
    classes or of each, image by image, in the order of the places: of a place the surest class, or with ``multi_label``
    each. ``classes``: only these.

    The objectness comes first: of N places those few that pass are all that is decoded, K rows of 4 + C numbers."""
    objectness = _near(predictions.objectness)
    thresholds = np.asarray(confidence, np.float32)  # as scores are; () or (C,)
    images, places = _nonzero(objectness > float(thresholds.min()))  # no score is above its objectness
    boxes, probabilities = map(_near, predictions.at(torch.as_tensor(images), torch.as_tensor(places)))
    scores = objectness[images, places][:, None] * probabilities
    if classes is not None:
        scores = scores * _beside(np.isin(np.arange(scores.shape[1]), classes), scores)
    if multi_label:
        rows, labels = _nonzero(scores > _beside(thresholds, scores))
        scores = scores[rows, labels]
    else:
        labels = scores.argmax(1)
        scores = scores[_beside(np.arange(len(labels)), scores), labels]
        least = _beside(thresholds, scores)
        (rows,) = _nonzero(scores > (least[labels] if thresholds.ndim else least))
        scores, labels = scores[rows], labels[rows]
    boxes, images = boxes[rows], images[rows]
    if predictions.num_nonfinite:
        logger.warning("%d predictions were not finite numbers and were dropped", predictions.num_nonfinite)
        finite = (abs(boxes) < math.inf).all(1) & (abs(scores) < math.inf)
        boxes, scores, labels, images = boxes[finite], scores[finite], labels[finite], images[finite]
    count = len(objectness)
    if count == 1:
        return [Candidates(boxes, scores, labels)]
    ends = np.searchsorted(in_main_memory(images), np.arange(count + 1)).tolist()
    return [Candidates(boxes, scores, labels).chosen(slice(*pair)) for pair in itertools.pairwise(ends)]


def in_main_memory(array: Array) -> np.ndarray:
    """numpy's array of one or of a tensor."""
    return array.numpy(force=True) if isinstance(array, Tensor) else array


def _near(tensor: Tensor) -> Array:
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def _nonzero(mask: Array) -> tuple[Array, ...]:
    return mask.nonzero() if isinstance(mask, np.ndarray) else mask.nonzero(as_tuple=True)


def _beside(values: np.ndarray, array: Array) -> Array:
    """Values where an array is."""
    return values if isinstance(array, np.ndarray) else torch.from_numpy(values).to(array.device)
