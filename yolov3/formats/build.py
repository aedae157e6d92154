"""The network that an experiment describes, and what the experiment leaves open about it.

What a model means (the anchors of its heads, how its images are fitted, how its boxes suppress each other) comes, in
this order, from the words of the experiment, from the weights it starts from, from its ``.cfg``, from the defaults. Only
the size of the input and the anchors are sooner the ``.cfg``'s than the weights': who gives both has changed them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from yolov3.anchors import AnchorSet, anchors_text
from yolov3.config.experiment import ModelSection
from yolov3.darknet.cfg import read_cfg
from yolov3.darknet.detector import anchors_of_cfg, detector_from_cfg
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.meaning import meaning_of
from yolov3.errors import UserError
from yolov3.formats.darknet_files import load_darknet, trained_anchors
from yolov3.formats.darknet_weights import darknet_network, inspect_weights
from yolov3.formats.load import load_files
from yolov3.formats.model import LoadedModel
from yolov3.formats.model_files import ModelFiles, cfg_beside, find_model
from yolov3.formats.transfer import TransferReport, is_backbone, transfer_backbone, transfer_weights
from yolov3.models.contract import DetectionNetwork
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning


@dataclass(frozen=True)
class Start:
    """Where a network starts from: a whole ``model``, or the file of a ``backbone``."""

    model: LoadedModel | None = None
    backbone: Path | None = None


def open_start(weights: str, model: ModelSection) -> Start:
    """What the file of weights holds that a network of these settings is to start from. Raises UserError."""
    files = find_model(weights)
    if not files.is_darknet:
        return Start(model=load_files(files))
    with torch.device("meta"):  # how many classes it will have does not matter to its backbone
        network = build_detector(model, num_classes=1)
    if is_backbone(files.weights, darknet_network(network)):
        return Start(backbone=files.weights)
    own = files.cfg or cfg_beside(files.weights)
    cfg = Path(model.cfg) if model.cfg is not None and own is None else own
    return Start(model=load_darknet(files.weights, cfg, names_path=files.names))


def settle(model: ModelSection, start: Start) -> tuple[ModelSection, list[str]]:
    """The settings with nothing left open, and a line for each that is not as it would be by default. Raises UserError."""
    taken: dict[str, Any] = {}
    sources: dict[str, str] = {}
    if model.cfg is not None:
        taken |= _meaning_values(meaning_of(read_cfg(model.cfg), _header_of(start)))
        sources |= dict.fromkeys(taken, model.cfg)
    if start.model is not None and isinstance(start.model.network, DetectionNetwork):
        own = _meaning_values(start.model.meaning) | _head_values(model, start.model, start.model.network)
        if model.cfg is not None:
            del own["image_size"]
        taken |= own
        sources |= dict.fromkeys(own, start.model.source)
    given = dict(model)
    left_open = {name for name in taken if name not in model.model_fields_set or given[name] is None}
    changed = {name: value for name, value in taken.items() if name in left_open and value != given[name]}
    lines = [f"model.{name}: {_text(value)}, as {sources[name]} has it" for name, value in changed.items()]
    return model.model_copy(update=changed), lines


def build_detector(model: ModelSection, *, num_classes: int) -> DetectionNetwork:
    """The network that the settings describe, with fresh weights. Raises UserError."""
    if model.cfg is not None:
        return detector_from_cfg(model.cfg, num_classes=num_classes, anchors=model.anchors)
    try:
        return YOLOv3(
            num_classes=num_classes,
            variant=model.variant,
            width=model.width,
            anchors=model.anchors,
            xy_scale=model.xy_scale,
        )
    except ValueError as error:
        raise UserError(f"model: {error}") from error


def begin(network: DetectionNetwork, start: Start, *, names: tuple[str, ...]) -> TransferReport | None:
    """Take from where it starts all that fits into a network whose classes are ``names``. Raises UserError when too
    little does."""
    if start.backbone is not None:
        return transfer_backbone(darknet_network(network), start.backbone, names=names)
    if start.model is not None:
        return transfer_weights(network, start.model, names=names)
    return None


def _meaning_values(meaning: ModelMeaning) -> dict[str, Any]:
    """A meaning as settings of a model."""
    fitting, suppression = meaning.preprocessing, meaning.suppression
    height, width = fitting.size
    return {
        "image_size": height if height == width else (height, width),
        "fit": fitting.fit,
        "resize": fitting.resize,
        "fill": fitting.fill,
        "suppression": suppression.kind,
        "diou_exponent": suppression.exponent,
    }


def _head_values(model: ModelSection, start: LoadedModel, source: DetectionNetwork) -> dict[str, Any]:
    """The anchors and the grid sensitivity of a detector, as settings of a model with such heads."""
    anchors: AnchorSet = tuple(level.anchors for level in source.levels)
    if model.cfg is not None:
        own = anchors_of_cfg(model.cfg)  # it says what its heads are, but for the released weights
        trained = trained_anchors(inspect_weights(start.source), own) if _is_darknet(start) else own
        return {"anchors": trained} if trained != own else {}
    with torch.device("meta"):
        levels = build_detector(model.model_copy(update={"anchors": None}), num_classes=1).levels
    if len(levels) != len(anchors) or len({len(level) for level in anchors}) > 1:
        return {}  # another kind of network, whose heads will not fit
    scales = {level.xy_scale for level in source.levels}
    default = tuple(level.anchors for level in levels)
    values: dict[str, Any] = {"anchors": anchors} if anchors != default else {}
    return values | ({"xy_scale": scales.pop()} if len(scales) == 1 else {})


def _header_of(start: Start) -> DarknetHeader | None:
    if start.model is None or not _is_darknet(start.model):
        return None
    return inspect_weights(start.model.source).header


def _is_darknet(model: LoadedModel) -> bool:
    return ModelFiles(Path(model.source)).is_darknet


def _text(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "; ".join(anchors_text(level) for level in value)
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
