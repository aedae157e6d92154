"""From decoded predictions to detections: threshold, non-maximum suppression, the best few, undo of the geometry.

Thresholds are exceeded strictly, as in Darknet. There is no time limit: what is found does not depend on the clock.

Source: Darknet's get_yolo_detections and do_nms_sort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from yolov3.boxes import box_sides
from yolov3.detections import Detections
from yolov3.geometry import Geometry
from yolov3.selecting.candidates import Candidates, candidates_of
from yolov3.selecting.suppress import suppress
from yolov3.structures import Predictions, Suppression


@dataclass(frozen=True)
class Selection:
    """The rules by which predictions become detections.

    ``confidence``: objectness, and objectness times class probability, must be above it; with ``thresholds``, one for each
    class, instead above that of its class. ``nms_threshold``: a box whose
    overlap, by the model's ``suppression``, with a better one of its class is above it goes. ``class_agnostic``: boxes of
    different classes suppress each other too.
    ``multi_label``: a place may give several classes. ``classes``: only these labels. At most ``max_candidates`` enter
    the suppression and ``max_detections`` leave it, per image.
    """

    confidence: float = 0.25
    nms_threshold: float = 0.45
    suppression: Suppression = field(default_factory=Suppression)
    class_agnostic: bool = False
    multi_label: bool = False
    max_candidates: int = 30_000
    max_detections: int = 300
    classes: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] | None = None

    @property
    def lowest(self) -> float:
        """Below which no score counts, whatever its class."""
        return self.confidence if self.thresholds is None else min(self.thresholds)

    def __post_init__(self) -> None:
        for name in ("confidence", "nms_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], found {getattr(self, name)}")
        if self.thresholds is not None and not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise ValueError(f"thresholds must lie in [0, 1], found {self.thresholds}")
        for name in ("max_candidates", "max_detections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")


def postprocess(
    predictions: Predictions, geometries: Sequence[Geometry], selection: Selection, names: tuple[str, ...] = ()
) -> list[Detections]:
    """Detections of a batch in pixels of the original images, clipped to them, in main memory. What lies wholly outside
    of its image is left out."""
    # Darknet compares boxes relative to the image, which matters to DIoU and not to IoU.
    scales = [(geometry.inner_size[1], geometry.inner_size[0]) for geometry in geometries]
    results = []
    for found, geometry in zip(_select(predictions, selection, scales), geometries, strict=True):
        found = found.in_main_memory()
        found = found._replace(boxes=geometry.boxes_to_image(found.boxes))
        inside = (box_sides(found.boxes) > 0).all(axis=1)  # the others lie in the border of the letterbox
        if not inside.all():
            found = found.chosen(inside)
        results.append(Detections(*found.tensors(), names, geometry.image_size))
    return results


def select(
    predictions: Predictions, selection: Selection, *, scales: Sequence[tuple[float, float]] | None = None
) -> list[Detections]:
    """Detections of each image, best first, boxes in pixels of the network's input, not clipped.

    ``scales``: (width, height) per image by which boxes are divided before DIoU is taken; default 1.
    """
    scales = scales or [(1.0, 1.0)] * len(predictions.objectness)
    return [Detections(*found.tensors()) for found in _select(predictions, selection, scales)]


def _select(
    predictions: Predictions, selection: Selection, scales: Sequence[tuple[float, float]]
) -> Iterator[Candidates]:
    confidence = selection.confidence if selection.thresholds is None else selection.thresholds
    images = candidates_of(predictions, confidence, multi_label=selection.multi_label, classes=selection.classes)
    for candidates, scale in zip(images, scales, strict=True):
        if len(candidates.scores):
            candidates = candidates.best(selection.max_candidates)
            order = suppress(
                candidates,
                selection.nms_threshold,
                selection.suppression,
                scale,
                class_agnostic=selection.class_agnostic,
            )
            candidates = candidates.chosen(order[: selection.max_detections])
        yield candidates
