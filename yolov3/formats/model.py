"""What a loaded model is, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from yolov3.postprocess import NmsKind
from yolov3.structures import Preprocessing


@dataclass(frozen=True)
class LoadedModel:
    """A network and all that belongs to its meaning: its class ``names``, how its pictures are fitted, the rule by
    which it wants its boxes suppressed. ``experiment`` holds the resolved settings it was trained with, as plain
    values, where the file knows them; ``source`` is the file, ``description`` one line for people."""

    network: nn.Module
    names: tuple[str, ...]
    preprocessing: Preprocessing
    nms_kind: NmsKind = "iou"
    diou_exponent: float = 0.6
    experiment: dict[str, Any] | None = None
    source: str = ""
    description: str = ""
