"""The detector: an image in, what is in it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack, overload

import numpy as np
import torch

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.formats.load import load_model
from yolov3.formats.model import LoadedModel
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.machine.device import select_device, select_precision
from yolov3.postprocess import Selection, postprocess
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.structures import Fit, ModelMeaning
from yolov3.watching.stage_times import StageTimes

Image = np.ndarray | str | Path
Each = TypeVar("Each", bound=np.ndarray | str | Path)


class DetectorChanges(TypedDict, total=False):
    """The fields of :class:`DetectorOptions`, as keywords."""

    device: str
    precision: str
    confidence: float
    nms_threshold: float
    max_detections: int
    class_agnostic: bool
    classes: Sequence[str | int] | None
    image_size: int | tuple[int, int] | None
    fit: Fit | None


@dataclass(frozen=True)
class DetectorOptions:
    """How a model is used. ``classes`` keeps only these, by name or number; ``image_size`` (side, or height and width;
    multiples of 32) and ``fit`` replace the model's own; the thresholds are those of
    :class:`yolov3.postprocess.Selection`."""

    device: str = "auto"
    precision: str = "float32"
    confidence: float = 0.25
    nms_threshold: float = 0.45
    max_detections: int = 300
    class_agnostic: bool = False
    classes: Sequence[str | int] | None = None
    image_size: int | tuple[int, int] | None = None
    fit: Fit | None = None


class Detector:
    """A model ready to use: ``Detector("weights/best.pt")(image)``.

    ``weights`` is any model file this project reads, or a :class:`LoadedModel`; ``changes`` are fields of the options:
    ``Detector("weights/best.pt", confidence=0.3)``. Raises UserError.
    """

    def __init__(
        self,
        weights: str | Path | LoadedModel,
        options: DetectorOptions | None = None,
        **changes: Unpack[DetectorChanges],
    ) -> None:
        options = replace(options or DetectorOptions(), **changes)
        device = select_device(options.device)
        precision = select_precision(options.precision, device)
        self.model = weights if isinstance(weights, LoadedModel) else load_model(weights)
        self.runtime = TorchRuntime.of(self.model.detector(), device, precision)
        self.names = self.model.names
        self.times = StageTimes()
        try:
            self.preprocessing = self.model.meaning.preprocessing.changed(options.image_size, options.fit)
            self.selection = _selection(options, self.model.meaning, self.runtime.num_classes)
        except ValueError as error:
            raise UserError(str(error)) from error

    @overload
    def __call__(self, images: Image) -> Detections: ...

    @overload
    def __call__(self, images: list[Each] | tuple[Each, ...]) -> list[Detections]: ...

    def __call__(self, images: Image | list[Each] | tuple[Each, ...]) -> Detections | list[Detections]:
        """What is in an image, (H, W, 3) uint8 RGB or a file; for a list of images, a list in their order.

        Boxes are xyxy pixels of the image, best first. Raises UserError for a file that cannot be read and for an array
        that is no image.
        """
        if isinstance(images, np.ndarray | str | Path):
            return self.detect_batch([_as_array(images)])[0]
        return self.detect_batch([_as_array(image) for image in images]) if images else []

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """The detections of (H, W, 3) uint8 RGB images, of any sizes, that go through the network together."""
        with self.times.spent_in("fitting"):
            geometries = [Geometry.fit((image.shape[0], image.shape[1]), self.preprocessing) for image in images]
            fitted = np.stack([geometry.apply_image(image) for geometry, image in zip(geometries, images)])
            batch = torch.from_numpy(fitted).permute(0, 3, 1, 2)
        with self.times.spent_in("network"):
            predictions = self.runtime(batch)
        with self.times.spent_in("selecting"):
            found = postprocess(predictions, geometries, self.selection, self.names)
        self.times.images += len(images)
        return found


def _selection(options: DetectorOptions, meaning: ModelMeaning, num_classes: int) -> Selection:
    """Which boxes count. Raises ValueError."""
    classes = None if options.classes is None else _labels_of(options.classes, meaning.names, num_classes)
    return Selection(
        confidence=options.confidence,
        nms_threshold=options.nms_threshold,
        suppression=meaning.suppression,
        class_agnostic=options.class_agnostic,
        max_detections=options.max_detections,
        classes=classes,
    )


def _as_array(image: Image) -> np.ndarray:
    if isinstance(image, str | Path):
        return read_image(Path(image))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"a picture must be a file or an (H, W, 3) uint8 RGB array, found {found}")
    if min(image.shape[:2]) < 1:
        raise UserError(f"a picture must have pixels, found an array of shape {image.shape}")
    return image


def _labels_of(classes: Iterable[str | int], names: tuple[str, ...], count: int) -> tuple[int, ...]:
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
