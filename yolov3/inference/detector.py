"""The detector: a picture in, what is in it out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yolov3.device import mixed_precision, select_device, select_precision
from yolov3.errors import UserError
from yolov3.formats import LoadedModel, load_model
from yolov3.geometry import Geometry
from yolov3.images import read_image
from yolov3.postprocess import Selection, postprocess
from yolov3.structures import Detections, Fit, Level

Image = np.ndarray | str | Path


@dataclass
class StageTimes:
    """Seconds spent in each stage of a detector, and the pictures that went through."""

    preprocess: float = 0.0
    network: float = 0.0
    postprocess: float = 0.0
    images: int = 0


class Detector:
    """A model ready to use: ``Detector("weights/best.pt")(image)``.

    ``weights`` is any model file this project reads, or a :class:`LoadedModel`. ``classes`` keeps only these, by name or
    number; ``image_size`` (side, or height and width; multiples of 32) and ``fit`` replace the model's own; the other
    settings are those of :class:`yolov3.postprocess.Selection`. Raises UserError.
    """

    def __init__(
        self,
        weights: str | Path | LoadedModel,
        *,
        device: str = "auto",
        confidence: float = 0.25,
        nms_threshold: float = 0.45,
        image_size: int | tuple[int, int] | None = None,
        fit: Fit | None = None,
        classes: Sequence[str | int] | None = None,
        class_agnostic: bool = False,
        max_detections: int = 300,
        precision: str = "float32",
    ) -> None:
        self.device = select_device(device)
        self.precision = select_precision(precision, self.device)
        self.model = weights if isinstance(weights, LoadedModel) else load_model(weights)
        network = self.model.network
        if not hasattr(network, "levels"):
            raise UserError(f"{self.model.source}: {self.model.description or 'this model'} is no detector")
        self.network = network.to(self.device).to(memory_format=torch.channels_last).eval()
        self.levels: tuple[Level, ...] = network.levels  # type: ignore[assignment]  # the contract of our networks
        self.names = self.model.names
        self.times = StageTimes()
        try:
            size = (image_size, image_size) if isinstance(image_size, int) else image_size
            own = self.model.preprocessing
            self.preprocessing = replace(own, size=size or own.size, fit=fit or own.fit)
            self.selection = Selection(
                confidence=confidence,
                nms_threshold=nms_threshold,
                nms_kind=self.model.nms_kind,
                diou_exponent=self.model.diou_exponent,
                class_agnostic=class_agnostic,
                max_detections=max_detections,
                classes=None if classes is None else _labels_of(classes, self.names, int(network.num_classes)),  # type: ignore[arg-type]
            )
        except ValueError as error:
            raise UserError(str(error)) from error

    def __call__(self, images: Image | Sequence[Image]) -> Detections | list[Detections]:
        """What is in a picture, (H, W, 3) uint8 RGB or a file; for a list of pictures, a list in their order.

        Boxes are xyxy pixels of the picture, best first. Raises UserError for a file that cannot be read and for an array
        that is no picture.
        """
        if isinstance(images, np.ndarray | str | Path):
            return self.detect_batch([_as_array(images)])[0]
        return self.detect_batch([_as_array(image) for image in images]) if images else []

    @torch.inference_mode()
    def detect_batch(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """The detections of (H, W, 3) uint8 RGB pictures, of any sizes, that go through the network together."""
        start = time.perf_counter()
        geometries = [Geometry.fit((image.shape[0], image.shape[1]), self.preprocessing) for image in images]
        fitted = np.stack([geometry.apply_image(image) for geometry, image in zip(geometries, images)])
        batch = _as_batch(fitted, self.device)
        fed = time.perf_counter()
        raw = self._run(batch)
        through = time.perf_counter()
        found = postprocess(raw, self.levels, geometries, self.selection, self.names)
        end = time.perf_counter()
        self.times.preprocess += fed - start
        self.times.network += through - fed
        self.times.postprocess += end - through
        self.times.images += len(images)
        return found

    def _run(self, batch: Tensor) -> tuple[Tensor, ...]:
        try:
            with mixed_precision(self.device, self.precision):
                raw = self.network(batch)
            if self.device.type == "cuda":  # so that the clock sees the network's time and not the next stage
                torch.cuda.synchronize(self.device)
        except torch.OutOfMemoryError as error:
            if len(batch) > 1:
                parts = [self._run(part) for part in batch.split(1)]
                return tuple(torch.cat(maps) for maps in zip(*parts))
            height, width = batch.shape[2:]
            raise UserError(
                f"{self.device} has not enough memory for one image of {height}x{width}; use a smaller input (--imgsz)"
            ) from error
        return raw


def _as_batch(fitted: np.ndarray, device: torch.device) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1] of (B, H, W, 3) pictures."""
    images = torch.from_numpy(fitted).permute(0, 3, 1, 2).to(device)
    return images.float().div_(255) if images.dtype == torch.uint8 else images


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
