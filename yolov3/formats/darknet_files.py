"""Whole models in Darknet's files: ``.weights`` with its ``.cfg`` and, where there is one, its ``.names``.

A network that equals one of ours becomes that one; any other of the family becomes a DarknetGraph.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import nn

from yolov3.anchors import TINY_ANCHORS, AnchorSet
from yolov3.darknet.cfg import Cfg, parse_cfg, read_cfg, write_cfg
from yolov3.darknet.cfg_to_plan import plan_errors, plan_from_cfg
from yolov3.darknet.detector import anchors_of, with_anchors
from yolov3.darknet.graph import build_graph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.meaning import meaning_of, suppression_options
from yolov3.darknet.native import native_plan, recognise
from yolov3.darknet.plan_to_cfg import cfg_from_plan
from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically, write_together
from yolov3.files.class_names import names_text, published_names, read_names
from yolov3.formats.darknet_weights import (
    KNOWN_COUNTS,
    DarknetNetwork,
    WeightsFile,
    fitting_classes,
    inspect_weights,
    layers_covered,
    plan_of,
    read_weights,
    write_weights,
)
from yolov3.formats.description import input_in_words
from yolov3.formats.model import LoadedModel
from yolov3.formats.model_files import cfg_beside, names_beside, names_folders
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.layers import give_memory
from yolov3.models.yolov3 import Variant, YOLOv3
from yolov3.structures import Fit, ModelMeaning, Preprocessing, Size
from yolov3.watching.words import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A file that was published with Darknet: its network (None: the Darknet-53 classifier), classes, the (height, width)
    of its input, and the data set whose classes it knows, where the package has their names."""

    variant: Variant | None
    num_classes: int
    size: Size
    data_set: Literal["coco", "voc"] | None = None


PUBLISHED: dict[int, Published] = {
    248_007_048: Published("yolov3", 80, (416, 416), "coco"),
    35_434_956: Published("yolov3-tiny", 80, (416, 416), "coco"),
    252_209_544: Published("yolov3-spp", 80, (608, 608), "coco"),
    246_714_648: Published("yolov3", 20, (416, 416), "voc"),
    259_229_388: Published("yolov3", 601, (608, 608)),
    166_582_580: Published(None, 1000, (256, 256)),
}
"""By their bytes. They load without a ``.cfg``."""

TINY_BYTES = 35_434_956
RELEASED_TINY_ANCHORS: AnchorSet = (TINY_ANCHORS[0], ((23.0, 27.0), (37.0, 58.0), (81.0, 82.0)))
"""The released yolov3-tiny.weights were trained with mask 1,2,3 on the finer level; the ``.cfg`` shipped with them
since says 0,1,2."""


def load_darknet(
    weights_path: str | Path,
    cfg_path: str | Path | None = None,
    *,
    names_path: str | Path | None = None,
    fit: Fit | None = None,
) -> LoadedModel:
    """The model of a ``.weights`` file, in main memory and in evaluation mode.

    Without ``cfg_path`` the ``.cfg`` of the same name beside it or in the ``cfg/`` next to it is taken
    (``NAME_final.weights`` belongs to ``NAME.cfg``); without one, a published file is known by its size. Names: as given,
    or from a ``.names`` file beside them or in the ``data/`` next to them with as many lines as the network has classes,
    or those of a published file. ``fit`` overrules how images are
    fitted. Nothing is built before the files are known to belong together. Raises UserError for anything amiss.
    """
    file = inspect_weights(weights_path)
    cfg_file = Path(cfg_path) if cfg_path is not None else cfg_beside(file.path)
    cfg = _published_cfg(file) if cfg_file is None else read_cfg(cfg_file)
    for note in cfg.notes:
        logger.info("%s", note)
    meaning = meaning_of(cfg, file.header, fit=fit)
    plan = plan_from_cfg(cfg)
    anchors = trained_anchors(file, anchors_of(plan))
    if anchors != anchors_of(plan):
        logger.warning(
            "%s: taken for the released yolov3-tiny.weights, which were trained with mask 1,2,3 in the second [yolo] "
            "layer; its .cfg says 0,1,2",
            file.path,
        )
        plan = with_anchors(plan, anchors)
    layers_covered(file, plan)
    with plan_errors(cfg), torch.device("meta"):
        network = recognise(plan) or build_graph(plan)
    names = _names(network.num_classes, names_path, file, cfg_file)
    _take_memory(network)
    read_weights(file.path, network)
    return LoadedModel(
        network=network.eval(),
        meaning=replace(meaning, names=names),
        source=str(file.path),
        description=_describe(network, meaning.preprocessing),
        cfg=str(cfg_file) if cfg_file is not None else None,
    )


def trained_anchors(file: WeightsFile, anchors: AnchorSet) -> AnchorSet:
    """The anchors that a file's network was trained with, when its ``.cfg`` says ``anchors``: others for the released tiny
    weights. Files of users follow their ``.cfg``: the AlexeyAB branch and this project mark theirs otherwise, and other
    anchors are nobody's but their own."""
    released = file.size == TINY_BYTES and not file.header.from_alexey
    return RELEASED_TINY_ANCHORS if released and anchors == TINY_ANCHORS else anchors


def save_darknet(
    network: DarknetNetwork,
    weights_path: str | Path,
    *,
    meaning: ModelMeaning,
    header: DarknetHeader | None = None,
) -> tuple[Path, ...]:
    """Write ``NAME.weights``, the ``NAME.cfg`` that goes with it and, where the names are known, ``NAME.names``; the files
    made.

    ``header`` keeps the version and ``seen`` of a file read before. Raises UserError when a file cannot be written; older
    ones of these names are whole then.
    """
    weights = Path(weights_path)
    if weights.suffix != ".weights":
        raise UserError(f"{weights}: Darknet's weights are written to a file that ends in .weights")
    texts = {weights.with_suffix(".cfg"): darknet_cfg_text(network, meaning)}
    if meaning.names:
        texts[weights.with_suffix(".names")] = names_text(meaning.names)

    def write(path: Path, place: Path) -> None:
        if path.is_dir():
            raise UserError(f"{path}: cannot be written: a folder lies in its place")
        if path == weights:
            write_weights(place, network, header=header)
        else:
            write_text_atomically(place, texts[path])

    files = (weights, *texts)
    write_together(files, write)
    return files


def darknet_cfg_text(network: DarknetNetwork, meaning: ModelMeaning) -> str:
    """The ``.cfg`` of a network, for both branches of Darknet; ``letter_box`` tells how images are fitted."""
    plan = replace(plan_of(network), input_shape=(3, *meaning.preprocessing.size))
    letter_box = meaning.preprocessing.fit == "letterbox"
    return write_cfg(cfg_from_plan(plan, letter_box=letter_box, yolo_options=suppression_options(meaning.suppression)))


def _published_cfg(file: WeightsFile) -> Cfg:
    published = PUBLISHED.get(file.size)
    if published is None:
        known = KNOWN_COUNTS.get(file.count)
        guess = f"; it has the size of {known}" if known else _fitting_variants(file)
        raise UserError(f"{file.path}: needs the .cfg of its network, and none lies beside it{guess}")
    what = published.variant or "darknet53"
    logger.info("%s: no .cfg beside it; by its size it is %s with %d classes", file.path, what, published.num_classes)
    with torch.device("meta"):
        network: YOLOv3 | Darknet53Classifier
        if published.variant is None:
            network = Darknet53Classifier(num_classes=published.num_classes)
        else:
            network = YOLOv3(variant=published.variant, num_classes=published.num_classes)
    return parse_cfg(write_cfg(cfg_from_plan(native_plan(network, published.size))), str(file.path))


def _fitting_variants(file: WeightsFile) -> str:
    """Which of our networks a file's numbers would fit, with how many classes, in words."""
    found = []
    for variant in get_args(Variant):
        with torch.device("meta"):
            plan = native_plan(YOLOv3(variant=variant, num_classes=1), (416, 416))
        classes = fitting_classes(file, plan)
        found += [f"{variant} with {counted(classes, 'class')}"] if classes else []
    return f"; it would fit {' or '.join(found)}" if found else ""


def _names(classes: int, given: str | Path | None, file: WeightsFile, cfg_file: Path | None) -> tuple[str, ...]:
    if given is not None:
        return _names_for(classes, Path(given))
    own = names_beside(file.path, cfg_file)
    if own is not None:
        return _names_for(classes, own)
    for folders in names_folders(file.path, cfg_file):
        others = sorted({path for folder in folders for path in folder.glob("*.names")})
        matching = {names for names in map(_names_or_none, others) if len(names) == classes}
        if matching:
            return matching.pop() if len(matching) == 1 else _published_names(classes, file)
    return _published_names(classes, file)


def _names_for(classes: int, path: Path) -> tuple[str, ...]:
    names = read_names(path)
    if len(names) != classes:
        raise UserError(f"{path}: {len(names)} names, but the network has {classes} classes")
    return names


def _published_names(classes: int, file: WeightsFile) -> tuple[str, ...]:
    # A model that a user trained has the same size when it has as many classes; most are told by their header.
    published = PUBLISHED.get(file.size)
    if published is None or published.data_set is None or file.header.from_alexey or classes != published.num_classes:
        return ()
    logger.info("%s: by its size it is a published one: its classes are called as in %s", file.path, published.data_set)
    return published_names(published.data_set)


def _names_or_none(path: Path) -> tuple[str, ...]:
    # A file that nobody pointed to is taken when it fits, and no matter otherwise.
    try:
        return read_names(path)
    except UserError:
        return ()


def _take_memory(network: nn.Module) -> None:
    give_memory(network)
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()


def _describe(network: DarknetNetwork, preprocessing: Preprocessing) -> str:
    kind = network.variant if isinstance(network, YOLOv3) else type(network).__name__
    return f"{kind} from Darknet, {counted(network.num_classes, 'class')}, {input_in_words(preprocessing)}"
