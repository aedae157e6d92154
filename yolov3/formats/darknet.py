"""Whole models in Darknet's files: ``.weights`` with its ``.cfg`` and, where there is one, its ``.names``.

A network that equals one of ours becomes that one; any other of the family becomes a DarknetGraph.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from yolov3.anchors import TINY_ANCHORS
from yolov3.class_names import read_names
from yolov3.errors import UserError
from yolov3.formats.atomic import write_text_atomically
from yolov3.formats.darknet_cfg import Cfg, parse_cfg, read_cfg, write_cfg
from yolov3.formats.darknet_graph_builder import plan_errors, plan_from_cfg
from yolov3.formats.darknet_meaning import Meaning, meaning_of
from yolov3.formats.darknet_names import write_names
from yolov3.formats.darknet_native import native_plan, recognise
from yolov3.formats.darknet_plan_writer import cfg_from_plan
from yolov3.formats.darknet_weights import (
    KNOWN_COUNTS,
    DarknetHeader,
    DarknetNetwork,
    WeightsFile,
    WeightsReport,
    inspect_weights,
    layers_covered,
    plan_of,
    read_weights,
    write_weights,
)
from yolov3.formats.model import LoadedModel
from yolov3.models import Darknet53Classifier, YOLOv3
from yolov3.models.darknet_graph import build_graph
from yolov3.models.darknet_plan import NetworkPlan, YoloPlan
from yolov3.postprocess import NmsKind
from yolov3.structures import Fit, Preprocessing, Size

logger = logging.getLogger(__name__)

PUBLISHED: dict[int, tuple[str, int, Size]] = {
    248_007_048: ("yolov3", 80, (416, 416)),
    35_434_956: ("yolov3-tiny", 80, (416, 416)),
    252_209_544: ("yolov3-spp", 80, (608, 608)),
    246_714_648: ("yolov3", 20, (416, 416)),
    259_229_388: ("yolov3", 601, (608, 608)),
    166_582_580: ("darknet53", 1000, (256, 256)),
}
"""Bytes of the published files: network, classes, (height, width). They load without a ``.cfg``."""

TINY_BYTES = 35_434_956
RELEASED_TINY_ANCHORS = (TINY_ANCHORS[0], ((23.0, 27.0), (37.0, 58.0), (81.0, 82.0)))
"""The released yolov3-tiny.weights were trained with mask 1,2,3 on the finer level; the ``.cfg`` shipped with them
since says 0,1,2."""

_TRAINING_SUFFIX = re.compile(r"_(?:final|best|last|final_ema|[0-9]+|[0-9]+x[0-9]+)\Z")


@dataclass(frozen=True)
class DarknetModel:
    """What came out of Darknet's files: a network in evaluation mode, its class names (empty when unknown), its
    meaning, and the header of its weights, for writing them again."""

    network: DarknetNetwork
    names: tuple[str, ...]
    meaning: Meaning
    header: DarknetHeader
    source: str


def load_darknet(
    weights_path: str | Path,
    cfg_path: str | Path | None = None,
    *,
    names_path: str | Path | None = None,
    fit: Fit | None = None,
    device: torch.device | str = "cpu",
) -> LoadedModel:
    """The model of a ``.weights`` file, in evaluation mode on ``device``.

    Without ``cfg_path`` the ``.cfg`` of the same name beside it is taken (``NAME_final.weights`` belongs to
    ``NAME.cfg``); without one, a published file is known by its size. Names: as given, or from a ``.names`` file beside
    them with as many lines as the network has classes. ``fit`` overrules how pictures are fitted. Raises UserError for
    anything amiss.
    """
    model = read_darknet(weights_path, cfg_path, names_path=names_path, fit=fit)
    meaning = model.meaning
    return LoadedModel(
        network=model.network.to(device),
        names=model.names,
        preprocessing=meaning.preprocessing,
        nms_kind=meaning.nms_kind,
        diou_exponent=meaning.diou_exponent,
        source=model.source,
        description=_describe(model),
    )


def read_darknet(
    weights_path: str | Path,
    cfg_path: str | Path | None = None,
    *,
    names_path: str | Path | None = None,
    fit: Fit | None = None,
) -> DarknetModel:
    """As :func:`load_darknet`, with the header. Nothing is built before the files are known to belong together."""
    file = inspect_weights(weights_path)
    cfg_file = Path(cfg_path) if cfg_path is not None else _cfg_beside(file.path)
    cfg = _published_cfg(file) if cfg_file is None else read_cfg(cfg_file)
    for note in cfg.notes:
        logger.info("%s", note)
    meaning = meaning_of(cfg, file.header, fit=fit)
    plan = _released_masks(plan_from_cfg(cfg), file)
    layers_covered(file, plan)
    with plan_errors(cfg), torch.device("meta"):
        network = recognise(plan) or build_graph(plan)
    names = _names(network.num_classes, names_path, file.path, cfg_file)
    _take_memory(network)
    read_weights(file.path, network)
    return DarknetModel(network.eval(), names, meaning, file.header, str(file.path))


def load_start(network: DarknetNetwork, path: str | Path) -> WeightsReport:
    """Fill the beginning of a network from a ``.weights`` file that may end where one of its layers ends, such as
    ``darknet53.conv.74``; the rest keeps its values. Raises UserError when the file belongs to another network."""
    report = read_weights(path, network, allow_cut=True)
    until = "all layers" if report.ended_before is None else f"the layers before layer {report.ended_before}"
    logger.info("%s: %d numbers: %s", path, report.count, until)
    return report


def save_darknet(
    network: DarknetNetwork,
    weights_path: str | Path,
    *,
    preprocessing: Preprocessing,
    names: tuple[str, ...] = (),
    nms_kind: NmsKind = "iou",
    diou_exponent: float = 0.6,
    header: DarknetHeader | None = None,
) -> tuple[Path, ...]:
    """Write ``NAME.weights``, the ``NAME.cfg`` that goes with it and, with ``names``, ``NAME.names``; the files made.

    ``header`` keeps the version and ``seen`` of a file read before. Raises UserError when a file cannot be written.
    """
    weights = Path(weights_path)
    if weights.suffix != ".weights":
        raise UserError(f"{weights}: Darknet's weights are written to a file that ends in .weights")
    text = darknet_cfg_text(network, preprocessing=preprocessing, nms_kind=nms_kind, diou_exponent=diou_exponent)
    written = [weights, weights.with_suffix(".cfg")]
    write_weights(weights, network, header=header)
    write_text_atomically(written[1], text)
    if names:
        written.append(weights.with_suffix(".names"))
        write_names(written[2], names)
    return tuple(written)


def darknet_cfg_text(
    network: DarknetNetwork,
    *,
    preprocessing: Preprocessing,
    nms_kind: NmsKind = "iou",
    diou_exponent: float = 0.6,
) -> str:
    """The ``.cfg`` of a network, for both branches of Darknet; ``letter_box`` tells how pictures are fitted."""
    plan = replace(plan_of(network), input_shape=(3, *preprocessing.size))
    suppression = {"nms_kind": "diounms", "beta_nms": diou_exponent} if nms_kind == "diou" else {}
    detector = bool(plan.yolo_layers)
    letter_box = preprocessing.fit == "letterbox" if detector else None
    return write_cfg(cfg_from_plan(plan, letter_box=letter_box, yolo_options=suppression))


def _cfg_beside(weights: Path) -> Path | None:
    stems = dict.fromkeys((weights.stem, _TRAINING_SUFFIX.sub("", weights.stem)))
    for stem in stems:
        candidate = weights.with_name(f"{stem}.cfg")
        if candidate.is_file():
            return candidate
    return None


def _published_cfg(file: WeightsFile) -> Cfg:
    size = file.header.size + 4 * file.count
    if size not in PUBLISHED:
        known = KNOWN_COUNTS.get(file.count)
        guess = f"; it has the size of {known}" if known else ""
        raise UserError(f"{file.path}: needs the .cfg of its network, and none lies beside it{guess}")
    variant, classes, input_size = PUBLISHED[size]
    logger.info("%s: no .cfg beside it; by its size it is %s with %d classes", file.path, variant, classes)
    with torch.device("meta"):
        network: YOLOv3 | Darknet53Classifier
        if variant == "darknet53":
            network = Darknet53Classifier(num_classes=classes)
        else:
            network = YOLOv3(variant=variant, num_classes=classes)  # type: ignore[arg-type]
    return parse_cfg(write_cfg(cfg_from_plan(native_plan(network, input_size))), str(file.path))


def _released_masks(plan: NetworkPlan, file: WeightsFile) -> NetworkPlan:
    """Give the released tiny weights the masks they were trained with. Files of users follow their ``.cfg``: the
    AlexeyAB branch and this project mark theirs otherwise, and other anchors are nobody's but their own."""
    released = file.header.size + 4 * file.count == TINY_BYTES and not file.header.from_alexey
    if not released or tuple(layer.anchors for _, layer in plan.yolo_layers) != TINY_ANCHORS:
        return plan
    logger.warning(
        "%s: taken for the released yolov3-tiny.weights, which were trained with mask 1,2,3 in the second [yolo] "
        "layer; its .cfg says 0,1,2",
        file.path,
    )
    anchors = iter(RELEASED_TINY_ANCHORS)
    layers = (replace(layer, anchors=next(anchors)) if isinstance(layer, YoloPlan) else layer for layer in plan.layers)
    return replace(plan, layers=tuple(layers))


def _names(classes: int, given: str | Path | None, weights: Path, cfg_file: Path | None) -> tuple[str, ...]:
    if given is not None:
        names = read_names(given)
        if len(names) != classes:
            raise UserError(f"{given}: {len(names)} names, but the network has {classes} classes")
        return names
    own = [path.with_suffix(".names") for path in (weights, cfg_file) if path is not None]
    for path in dict.fromkeys(own):
        if path.is_file():
            return _names(classes, path, weights, cfg_file)
    others = sorted({path for folder in {p.parent for p in own} for path in folder.glob("*.names")})
    fitting = [names for names in map(_names_or_none, others) if len(names) == classes]
    return fitting[0] if len(fitting) == 1 else ()


def _names_or_none(path: Path) -> tuple[str, ...]:
    # A file that nobody pointed to is taken when it fits, and no matter otherwise.
    try:
        return read_names(path)
    except UserError:
        return ()


def _take_memory(network: nn.Module) -> None:
    network.to_empty(device="cpu")
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()


def _describe(model: DarknetModel) -> str:
    network, preprocessing = model.network, model.meaning.preprocessing
    kind = network.variant if isinstance(network, YOLOv3) else type(network).__name__
    height, width = preprocessing.size
    return f"{kind} from Darknet, {network.num_classes} classes, {height}x{width} {preprocessing.fit}"
