"""What the numbers of a network mean: its classes, how images are fitted into it, how its boxes suppress each other.

Nothing slow is imported here, so that settings are read, explained and refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from yolov3.files.class_names import class_names
from yolov3.limits import LARGEST_SIDE

Size = tuple[int, int]
"""(height, width) in pixels."""

Fit = Literal["letterbox", "stretch"]
Resize = Literal["area", "bilinear", "darknet"]
Overlap = Literal["iou", "diou"]


@dataclass(frozen=True)
class Preprocessing:
    """How an image is fitted into a network's input: a property of the model, used wherever the model is used.

    ``size`` (height, width) of the input; ``fit`` keeps the aspect (letterbox) or not (stretch); ``resize`` names the
    resampling: ``area`` (OpenCV, averaging when shrinking), ``bilinear`` (OpenCV), ``darknet`` (aligned corners in
    floating point); ``fill`` is the grey of the border in [0, 1].
    """

    size: Size = (416, 416)
    fit: Fit = "letterbox"
    resize: Resize = "area"
    fill: float = 0.5

    def __post_init__(self) -> None:
        if len(self.size) != 2 or any(not isinstance(side, int) or side < 32 or side % 32 for side in self.size):
            raise ValueError(f"the input size must be multiples of 32 (height, width), found {self.size}")
        if max(self.size) > LARGEST_SIDE:
            raise ValueError(f"the input size must be at most {LARGEST_SIDE} a side (height, width), found {self.size}")
        if self.fit not in ("letterbox", "stretch"):
            raise ValueError(f"fit must be letterbox or stretch, found {self.fit!r}")
        if self.resize not in ("area", "bilinear", "darknet"):
            raise ValueError(f"resize must be area, bilinear or darknet, found {self.resize!r}")
        if not 0 <= self.fill <= 1:
            raise ValueError(f"fill must lie in [0, 1], found {self.fill}")

    def changed(self, size: int | Size | None, fit: Fit | None) -> Preprocessing:
        """The same with another size (side, or height and width) and another fit, where they are given. Raises
        ValueError."""
        pair = (size, size) if isinstance(size, int) else size
        return replace(self, size=pair or self.size, fit=fit or self.fit)


@dataclass(frozen=True)
class Suppression:
    """The overlap by which a model wants its boxes suppressed: ``iou``, or for ``diou`` Darknet's
    IoU - (d^2 / c^2) ** exponent."""

    kind: Overlap = "iou"
    exponent: float = 0.6

    def __post_init__(self) -> None:
        if self.kind not in ("iou", "diou"):
            raise ValueError(f"the suppression must be by iou or diou, found {self.kind!r}")
        if not 0 < self.exponent <= 10:
            raise ValueError(f"the exponent of the suppression must be above 0 and at most 10, found {self.exponent}")


@dataclass(frozen=True)
class ModelMeaning:
    """All that a network's numbers mean beside the network: the class ``names`` (of all classes; empty where nobody
    knows them), how its images are fitted, how its boxes suppress each other. A checkpoint stores it, a ``.cfg`` gives
    it, a run carries it."""

    names: tuple[str, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    suppression: Suppression = Suppression()

    def as_plain(self) -> dict[str, Any]:
        """Plain values, as they are stored."""
        return {
            "names": list(self.names),
            "preprocessing": {**asdict(self.preprocessing), "size": list(self.preprocessing.size)},
            "nms": {"kind": self.suppression.kind, "diou_exponent": self.suppression.exponent},
        }

    @staticmethod
    def from_plain(values: Mapping[str, Any]) -> ModelMeaning:
        """The meaning that :meth:`as_plain` stored. Raises KeyError, TypeError or ValueError for anything else."""
        fitting = values["preprocessing"]
        if max(fitting["size"]) > LARGEST_SIDE:  # what a user asks for is another matter than what a file does
            raise ValueError(f"an input of {fitting['size']} pixels, at most {LARGEST_SIDE} a side are read")
        return ModelMeaning(
            names=class_names(values["names"], "names"),
            preprocessing=Preprocessing(**{**fitting, "size": tuple(fitting["size"])}),
            suppression=Suppression(values["nms"]["kind"], values["nms"]["diou_exponent"]),
        )
