"""What is to be exported, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from yolov3.errors import UserError
from yolov3.graphs.facts import InnerSuppression, Outputs
from yolov3.structures import Fit

Target = Literal["onnx", "openvino"]
Precision = Literal["float32", "float16", "bfloat16", "int8"]

PRECISIONS: dict[Target, tuple[Precision, ...]] = {
    "onnx": ("float32", "float16", "int8"),
    "openvino": ("float32", "float16", "bfloat16", "int8"),
}


class ExportChanges(TypedDict, total=False):
    """The fields of :class:`ExportOptions`, as keywords."""

    weights: str | Path
    to: Target
    precision: Precision
    outputs: Outputs
    nms: bool
    confidence: float
    nms_threshold: float
    max_detections: int
    class_agnostic: bool
    dynamic: bool
    image_size: int | tuple[int, int] | None
    fit: Fit | None
    cfg: str | Path | None
    names: str | Path | None
    calibrate: str | Path | None
    check: str | Path | None
    data_changes: Sequence[str]
    max_drop: float
    output: str | Path
    name: str | None


@dataclass(frozen=True)
class ExportOptions:
    """The model ``weights`` becomes a graph for onnxruntime or OpenVINO, in a new folder ``name`` in ``output``.

    ``outputs``: decoded boxes, the raw maps, or what Darknet's own exporter gives; with ``nms`` the graph suppresses boxes
    itself, by the thresholds. ``dynamic``: any number of images of any size go in. ``calibrate`` is the data whose training
    images int8 is fitted to, ``check`` the data whose validation images the graph is proven on; without them that of the
    model's training. ``max_drop`` is what AP50 may lose, in points, where the precision is not float32.
    """

    weights: str | Path
    to: Target = "onnx"
    precision: Precision = "float32"
    outputs: Outputs = "boxes"
    nms: bool = False
    confidence: float = 0.25
    nms_threshold: float = 0.45
    max_detections: int = 300
    class_agnostic: bool = False
    dynamic: bool = False
    image_size: int | tuple[int, int] | None = None
    fit: Fit | None = None
    cfg: str | Path | None = None
    names: str | Path | None = None
    calibrate: str | Path | None = None
    check: str | Path | None = None
    data_changes: Sequence[str] = ()
    max_drop: float = 0.5
    output: str | Path = "runs/export"
    name: str | None = None

    def __post_init__(self) -> None:
        if self.to not in PRECISIONS:
            raise UserError(f"models are exported to {' or '.join(PRECISIONS)}, found {self.to!r}")
        if self.precision not in PRECISIONS[self.to]:
            allowed = ", ".join(PRECISIONS[self.to])
            why = "; no program computes an ONNX graph in it on CPUs" if self.precision == "bfloat16" else ""
            raise UserError(f"--to {self.to} is written in {allowed}, found {self.precision}{why}")
        if self.nms and self.outputs != "boxes":
            raise UserError(f"--nms needs boxes; it does not go with --outputs {self.outputs}")
        if not 0 <= self.max_drop <= 100:
            raise UserError(f"--max-drop is in points of AP50, from 0 to 100, found {self.max_drop:g}")

    @property
    def suppressed(self) -> InnerSuppression | None:
        """The rules by which the graph suppresses boxes itself, if it does."""
        if not self.nms:
            return None
        return InnerSuppression(self.confidence, self.nms_threshold, self.class_agnostic, self.max_detections)
