"""What a Darknet model means beyond its network: how images are fitted, and which boxes suppress which.

The two branches of Darknet prepare images differently, and weights want what they were trained with. Who trained them
is told, in this order, by ``letter_box`` in the file, by the mark of the program that wrote the weights, and by keys
that only one branch knows. Measured: fitted by the wrong rule a model loses accuracy without any error, and with plain
IoU in place of the rule that its file names a third of the crowded boxes change.
"""

from __future__ import annotations

from yolov3.darknet.cfg import Cfg, CfgSection, SectionReader
from yolov3.darknet.cfg_to_plan import net_reader
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.keys import ALIASES, ORIGINAL_ACTIVATIONS, ORIGINAL_KEYS, ORIGINAL_LAYER_KEYS
from yolov3.structures import Fit, ModelMeaning, Preprocessing, Suppression

DEFAULT_EXPONENT = 0.6
DARKNET_GREY = 0.5


def meaning_of(cfg: Cfg, header: DarknetHeader | None = None, *, fit: Fit | None = None) -> ModelMeaning:
    """The meaning of a model, but for its class names, by its ``.cfg`` and the header of its weights; ``fit`` overrules
    what they tell.

    Raises UserError for an input size that cannot be used or a rule that is not known.
    """
    net = net_reader(cfg)
    size = (net.integer("height"), net.integer("width"))
    fit = fit or fit_of(cfg, header)
    try:
        preprocessing = Preprocessing(size, fit, "darknet", DARKNET_GREY)
    except ValueError as error:
        raise net.fault(str(error), "width") from error
    return ModelMeaning(preprocessing=preprocessing, suppression=_suppression(cfg))


def fit_of(cfg: Cfg, header: DarknetHeader | None = None) -> Fit:
    """How the program that trained a model fitted its images."""
    net = net_reader(cfg)
    if "letter_box" in net:
        return "letterbox" if net.integer("letter_box") else "stretch"
    if header is not None and header.from_alexey:
        return "stretch"
    return "stretch" if written_for_alexey(cfg) else "letterbox"


def written_for_alexey(cfg: Cfg) -> bool:
    """Whether a ``.cfg`` uses what only the AlexeyAB branch of Darknet knows."""
    return any(_beyond_original(section) for section in cfg.sections)


def _beyond_original(section: CfgSection) -> bool:
    name = ALIASES.get(section.name, section.name)
    if name in ("avgpool", "batchnorm", "softmax", "cost"):
        return False
    if name not in ORIGINAL_KEYS:
        return True
    known = ORIGINAL_KEYS[name] | (frozenset() if name == "net" else ORIGINAL_LAYER_KEYS)
    return any(
        option.key not in known or (option.key == "activation" and option.value not in ORIGINAL_ACTIVATIONS)
        for option in section.options
    )


def _suppression(cfg: Cfg) -> Suppression:
    yolo_sections = [section for section in cfg.sections if section.name == "yolo"]
    if not yolo_sections:
        return Suppression()
    reader = SectionReader(yolo_sections[-1], cfg.source)  # the last one counts in Darknet
    kind = reader.text("nms_kind", "default")
    exponent = reader.number("beta_nms", DEFAULT_EXPONENT)
    if not 0 < exponent <= 10:
        raise reader.fault(f"beta_nms must be above 0 and at most 10, found {exponent:g}", "beta_nms")
    if kind == "greedynms":  # in fact a DIoU rule, with a fixed exponent
        return Suppression("diou", DEFAULT_EXPONENT)
    if kind == "diounms":
        return Suppression("diou", exponent)
    if kind in ("default", "none"):
        return Suppression("iou", DEFAULT_EXPONENT)
    raise reader.fault(f"nms_kind={kind} cannot be done; done: greedynms, diounms, default", "nms_kind")


def suppression_options(suppression: Suppression) -> dict[str, object]:
    """What a ``[yolo]`` section says of a rule: the reverse of what :func:`meaning_of` reads there."""
    return {"nms_kind": "diounms", "beta_nms": suppression.exponent} if suppression.kind == "diou" else {}
