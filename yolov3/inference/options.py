"""How a model is used, and which boxes count then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from yolov3.runtimes.opening import RuntimeName
from yolov3.selecting.postprocess import Selection
from yolov3.selecting.thresholds import Thresholds, read_thresholds
from yolov3.structures import Fit, ModelMeaning
from yolov3.tiles.grid import TileRule

GivenThresholds = str | Path | Mapping[str, float] | None
"""A file of thresholds (yolov3/selecting/thresholds.py), or the threshold of each class by its name."""


class SelectionChanges(TypedDict, total=False):
    """The fields of :class:`DetectorOptions` that may differ from call to call."""

    confidence: float
    nms_threshold: float
    max_detections: int
    class_agnostic: bool
    classes: Sequence[str | int] | None
    skip: Sequence[str | int]
    thresholds: GivenThresholds


class DetectorChanges(SelectionChanges, total=False):
    """The fields of :class:`DetectorOptions`, as keywords."""

    device: str
    precision: str | None
    runtime: RuntimeName | None
    image_size: int | tuple[int, int] | None
    fit: Fit | None
    rect: bool
    tiles: str | TileRule | None
    overlap: float | None
    tiles_whole: bool
    cfg: str | Path | None
    names: str | Path | None
    allow_network: bool


@dataclass(frozen=True)
class DetectorOptions:
    """How a model is used. ``classes`` keeps only these, by name or number, ``skip`` none of these; ``image_size`` (side, or
    height and width; multiples of 32) and ``fit`` replace the model's own, ``cfg`` and ``names`` the files of a Darknet
    model; with ``rect`` the input is no larger than an image needs; with ``tiles`` (``auto``, ``ROWSxCOLUMNS``, a side)
    large images are looked at in parts that ``overlap``, with ``tiles_whole`` also as a whole; the thresholds are those of
    :class:`yolov3.selecting.postprocess.Selection`. ``thresholds``, a file or by the classes' names, stand in for
    ``confidence``, and what a file says of suppression for that. Only with ``allow_network`` are images and streams of
    addresses fetched. ``precision`` is by default a graph's own, of weights float32; ``runtime`` computes weights: torch,
    onnxruntime, openvino, or with ``auto`` the fastest of these here."""

    device: str = "auto"
    precision: str | None = None
    runtime: RuntimeName | None = None
    confidence: float = 0.25
    nms_threshold: float = 0.45
    max_detections: int = 300
    class_agnostic: bool = False
    classes: Sequence[str | int] | None = None
    skip: Sequence[str | int] = ()
    thresholds: GivenThresholds = None
    image_size: int | tuple[int, int] | None = None
    fit: Fit | None = None
    rect: bool = False
    tiles: str | TileRule | None = None
    overlap: float | None = None
    tiles_whole: bool = False
    cfg: str | Path | None = None
    names: str | Path | None = None
    allow_network: bool = False


def selection_of(options: DetectorOptions, meaning: ModelMeaning, num_classes: int) -> Selection:
    """Which boxes count. Raises ValueError, and UserError for thresholds that cannot be used."""
    classes = None if options.classes is None else labels_of(options.classes, meaning.names, num_classes)
    selection = Selection(
        confidence=options.confidence,
        nms_threshold=options.nms_threshold,
        suppression=meaning.suppression,
        class_agnostic=options.class_agnostic,
        max_detections=options.max_detections,
        classes=classes,
    )
    given = options.thresholds
    if isinstance(given, Mapping):
        selection = replace(selection, thresholds=Thresholds(given).of(meaning.names, "thresholds"))
    elif given is not None:
        found = read_thresholds(given)
        selection = replace(
            selection,
            thresholds=found.of(meaning.names, str(given)),
            nms_threshold=selection.nms_threshold if found.iou is None else found.iou,
            multi_label=bool(found.multi_label),
        )
    if not options.skip:
        return selection
    # No score is above 1. What is surely of a skipped class must not become one of the class that is likely next.
    skipped = labels_of(options.skip, meaning.names, num_classes)
    thresholds = selection.thresholds or (selection.confidence,) * num_classes
    return replace(
        selection, thresholds=tuple(1.0 if label in skipped else own for label, own in enumerate(thresholds))
    )


def labels_of(classes: Iterable[str | int], names: tuple[str, ...], count: int) -> tuple[int, ...]:
    """The labels that are meant by names or numbers. Raises ValueError."""
    labels = []
    for given in classes:
        text = str(given)
        if text in names:
            labels.append(names.index(text))
        elif text.isdigit() and int(text) < count:
            labels.append(int(text))
        else:
            known = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
            raise ValueError(f"no class {text!r}; the model has {count} classes: {known or f'0 to {count - 1}'}")
    return tuple(dict.fromkeys(labels))
