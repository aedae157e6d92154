"""Non-maximum suppression: of boxes that overlap, the best stays.

Source: Darknet's do_nms_sort; the DIoU rule is that of the AlexeyAB branch (box_diounms).

Legend: K candidates.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yolov3.boxes import darknet_diou
from yolov3.errors import UserError
from yolov3.selecting.candidates import Array, Candidates
from yolov3.structures import Suppression

FEW = 100
"""Up to so many boxes numpy's table of all pairs is done before torch has found the function to call."""


def suppress(
    candidates: Candidates,
    threshold: float,
    suppression: Suppression,
    scale: tuple[float, float] = (1.0, 1.0),
    *,
    class_agnostic: bool = False,
) -> Array:
    """Indices of the candidates of one image, of which there is at least one, that survive, best first, equals in their
    order: those whose overlap with no better one of their class, or with ``class_agnostic`` of any, is above the
    ``threshold``. Boxes are divided by ``scale`` (width, height) before DIoU is taken.
    """
    if suppression.kind == "diou":
        return _by_diou(candidates, threshold, suppression.exponent, scale, class_agnostic)
    if isinstance(candidates.boxes, np.ndarray) and len(candidates.scores) <= FEW:
        return _of_few(candidates, threshold, class_agnostic)
    boxes, scores, labels = candidates.tensors()
    boxes = boxes.double()  # so that the offsets below leave no rounding in the overlaps
    if not class_agnostic:
        # Each class is moved to a region of its own, so that one call serves all; torchvision's batched_nms does
        # the same but is wrong for negative coordinates.
        lowest, highest = boxes.aminmax()
        boxes = boxes + (labels * (highest - lowest + 1))[:, None]
    survivors = nms_of_many()(boxes, scores.double(), threshold)
    return survivors.numpy() if isinstance(candidates.boxes, np.ndarray) else survivors


def nms_of_many() -> Callable[[Tensor, Tensor, float], Tensor]:
    """torchvision's function. Its library is loaded alone where it can be found: the whole of torchvision takes seconds and
    the memory of a thousand modules. Raises UserError where torchvision does not belong to this torch."""
    try:
        return _function_of_torchvision()
    except (OSError, ImportError, AttributeError, RuntimeError) as error:
        reason = (str(error.__cause__ or error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"torchvision does not belong to torch {torch.__version__} and cannot be loaded ({reason}); install both at once, "
            f"from one place"
        ) from error


def _function_of_torchvision() -> Callable[[Tensor, Tensor, float], Tensor]:
    found = importlib.util.find_spec("torchvision")
    folders = found.submodule_search_locations if found else None
    for library in sorted(path for folder in folders or () for path in Path(folder).glob("_C*.so")):
        torch.ops.load_library(library)
        return torch.ops.torchvision.nms
    from torchvision.ops import nms

    return nms


def _of_few(candidates: Candidates, threshold: float, class_agnostic: bool) -> np.ndarray:
    """What torchvision's nms finds, from a table (K, K) of the overlaps of all pairs."""
    order = np.argsort(-candidates.scores, kind="stable")
    boxes, labels = candidates.boxes[order].astype(np.float64), candidates.labels[order]
    low, high = boxes[:, :2], boxes[:, 2:]
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    np.maximum(sides, 0, out=sides)
    shared = sides[..., 0] * sides[..., 1]
    own = high - low
    areas = own[:, 0] * own[:, 1]
    union = areas[:, None] + areas - shared
    # Boxes without area overlap nothing. A product instead of the quotient would round the other way now and then.
    beats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0) > threshold
    if not class_agnostic:
        beats &= labels[:, None] == labels
    alive = np.ones(len(order), bool)
    for place, rivals in enumerate(beats):
        if alive[place]:
            alive[place + 1 :] &= ~rivals[place + 1 :]
    return order[alive]


def _by_diou(
    candidates: Candidates, threshold: float, exponent: float, scale: tuple[float, float], class_agnostic: bool
) -> Array:
    boxes, scores, labels = candidates.in_main_memory()
    boxes = boxes.astype(np.float64) / np.array(scale * 2)
    order = np.argsort(-scores, kind="stable")
    groups = np.zeros_like(labels) if class_agnostic else labels
    kept = []
    for group in np.unique(groups):
        waiting = order[groups[order] == group]
        while len(waiting):
            best, waiting = waiting[0], waiting[1:]
            kept.append(best)
            overlap = darknet_diou(boxes[best], boxes[waiting], exponent)
            waiting = waiting[~(overlap > threshold)]
    survivors = np.array(sorted(kept, key=lambda index: (-scores[index], index)), dtype=np.int64)
    return (
        survivors
        if isinstance(candidates.boxes, np.ndarray)
        else torch.from_numpy(survivors).to(candidates.boxes.device)
    )
