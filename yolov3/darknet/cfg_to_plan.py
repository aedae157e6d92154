"""From the sections of a ``.cfg`` to the plan of its network, and to the network.

Every number is checked where it is read and every shape before memory is taken; an error names file, line and section.
Defaults are Darknet's, also where they surprise: a convolution without ``activation`` has the logistic one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import Cfg, SectionReader, parse_cfg, read_cfg
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph, build_graph
from yolov3.darknet.keys import ALIASES, HARMLESS, LAYER_HARMLESS, LAYER_OFF, NET_HARMLESS, NOT_DONE, OFF
from yolov3.darknet.layers import ACTIVATIONS
from yolov3.darknet.plan import LayerPlan, NetworkPlan, Shape
from yolov3.darknet.trace import LARGEST_LAYERS, PlanError, trace_shapes
from yolov3.errors import UserError

IMAGE_CHANNELS = 3
DEFAULT_CLASSES = 20  # Darknet's, of Pascal VOC


def load_graph(path: str | Path) -> DarknetGraph | DarknetClassifierGraph:
    """The network of a ``.cfg`` file, freshly initialised. Raises UserError naming file and line."""
    return graph_from_cfg(read_cfg(path))


def graph_from_text(text: str, source: str = "cfg") -> DarknetGraph | DarknetClassifierGraph:
    """The network of a ``.cfg`` text, freshly initialised. Raises UserError naming ``source`` and the line."""
    return graph_from_cfg(parse_cfg(text, source))


def graph_from_cfg(cfg: Cfg) -> DarknetGraph | DarknetClassifierGraph:
    """The network of a parsed ``.cfg``, freshly initialised. Raises UserError naming file and line."""
    plan = plan_from_cfg(cfg)
    with plan_errors(cfg):
        return build_graph(plan)


def plan_from_cfg(cfg: Cfg) -> NetworkPlan:
    """The plan of a parsed ``.cfg``, all shapes checked. Raises UserError naming file and line."""
    input_shape = _input_shape(net_reader(cfg))
    layers = []
    for index, section in enumerate(cfg.sections[1:]):
        name = ALIASES.get(section.name, section.name)
        reader = SectionReader(section, cfg.source)
        if name == "net":
            raise reader.fault("may stand only at the beginning")
        if name not in _LAYERS:
            known = "is not done here" if name in NOT_DONE else "is not a section of Darknet"
            raise reader.fault(f"{known}; done are: {', '.join(_LAYERS)}")
        layers.append(_LAYERS[name](reader, index))
        reader.finish(LAYER_HARMLESS | HARMLESS.get(name, frozenset()), {**LAYER_OFF, **OFF.get(name, {})})
    plan = NetworkPlan(input_shape, tuple(layers))
    with plan_errors(cfg):
        trace_shapes(plan)
    return plan


def net_reader(cfg: Cfg) -> SectionReader:
    """The ``[net]`` section, which must come first. Raises UserError."""
    reader = SectionReader(cfg.sections[0], cfg.source)
    if ALIASES.get(reader.section.name, reader.section.name) != "net":
        raise reader.fault("the first section must be [net]")
    return reader


@contextmanager
def plan_errors(cfg: Cfg) -> Iterator[None]:
    """Within it, what is wrong with a plan becomes a UserError that names the line of the layer's section."""
    try:
        yield
    except PlanError as error:
        section = cfg.sections[error.layer + 1]  # the first one is [net]
        number = f" (layer {error.layer})" if error.layer >= 0 else ""
        raise UserError(f"{cfg.source}:{section.line}: [{section.name}]{number} {error.reason}") from error


def _input_shape(reader: SectionReader) -> Shape:
    channels, height, width = (reader.integer(key) for key in ("channels", "height", "width"))
    if channels != IMAGE_CHANNELS:
        raise reader.fault(f"channels={channels} cannot be done; images have {IMAGE_CHANNELS}", "channels")
    for key, side in (("height", height), ("width", width)):
        if not 1 <= side <= plans.LARGEST_SIDE:
            raise reader.fault(f"{key} must be 1 to {plans.LARGEST_SIDE}, found {side}", key)
    reader.finish(NET_HARMLESS, {})
    return (channels, height, width)


def _convolution(reader: SectionReader, index: int) -> LayerPlan:
    size = reader.integer("size", 1)
    padding = reader.integer("padding", 0)
    if reader.integer("pad", 0):
        padding = size // 2
    normalise = reader.integer("batch_normalize", 0)
    if normalise not in (0, 1, 2):  # 2: over several batches while training, the same afterwards
        raise reader.fault(f"batch_normalize must be 0, 1 or 2, found {normalise}", "batch_normalize")
    share = reader.text("share_index", "none")
    if share != "none":
        raise reader.fault("share_index cannot be done", "share_index")
    dilation = reader.integer("dilation", 1)
    return plans.ConvolutionPlan(
        sources=(index - 1,),
        filters=reader.integer("filters", 1),
        size=size,
        stride=_strides(reader),
        padding=padding,
        activation=reader.choice("activation", "logistic", ACTIVATIONS),
        batch_normalise=normalise > 0 or ("cbn" in reader and reader.integer("cbn") > 0),
        groups=reader.integer("groups", 1),
        dilation=dilation if size > 1 else 1,
    )


def _shortcut(reader: SectionReader, index: int) -> LayerPlan:
    others = _earlier(reader, "from", index)
    return plans.ShortcutPlan(
        sources=(index - 1, *others), activation=reader.choice("activation", "linear", ACTIVATIONS)
    )


def _route(reader: SectionReader, index: int) -> LayerPlan:
    return plans.RoutePlan(
        sources=_earlier(reader, "layers", index),
        groups=reader.integer("groups", 1),
        group=reader.integer("group_id", 0),
    )


def _upsample(reader: SectionReader, index: int) -> LayerPlan:
    return plans.UpsamplePlan(
        sources=(index - 1,), stride=reader.integer("stride", 2), scale=reader.number("scale", 1.0)
    )


def _max_pool(reader: SectionReader, index: int) -> LayerPlan:
    size = reader.integer("size", reader.integer("stride", 1))
    return plans.MaxPoolPlan(
        sources=(index - 1,), size=size, stride=_strides(reader), padding=reader.integer("padding", size - 1)
    )


def _average_pool(reader: SectionReader, index: int) -> LayerPlan:
    return plans.AveragePoolPlan(sources=(index - 1,))


def _dropout(reader: SectionReader, index: int) -> LayerPlan:
    return plans.DropoutPlan(sources=(index - 1,), probability=reader.number("probability", 0.5))


def _softmax(reader: SectionReader, index: int) -> LayerPlan:
    return plans.SoftmaxPlan(sources=(index - 1,))


def _cost(reader: SectionReader, index: int) -> LayerPlan:
    return plans.CostPlan(sources=(index - 1,))


def _batch_norm(reader: SectionReader, index: int) -> LayerPlan:
    return plans.BatchNormPlan(sources=(index - 1,))


def _scale_channels(reader: SectionReader, index: int) -> LayerPlan:
    return plans.ScaleChannelsPlan(
        sources=(index - 1, *_earlier(reader, "from", index, most=1)),
        activation=reader.choice("activation", "linear", _PRODUCT_ACTIVATIONS),
        per_cell=reader.integer("scale_wh", 0) != 0,
    )


def _sam(reader: SectionReader, index: int) -> LayerPlan:
    return plans.SamPlan(
        sources=(index - 1, *_earlier(reader, "from", index, most=1)),
        activation=reader.choice("activation", "linear", _PRODUCT_ACTIVATIONS),
    )


def _reorg(reader: SectionReader, index: int) -> LayerPlan:
    return plans.ReorgPlan(
        sources=(index - 1,), stride=reader.integer("stride", 1), reverse=reader.integer("reverse", 0) != 0
    )


def _yolo(reader: SectionReader, index: int) -> LayerPlan:
    num = reader.integer("num", 1)
    sides = reader.numbers("anchors")
    if len(sides) != 2 * num:
        raise reader.fault(f"num={num} needs {2 * num} numbers in anchors, found {len(sides)}", "anchors")
    if min(sides) <= 0:
        raise reader.fault("anchors must be positive", "anchors")
    pairs = tuple(zip(sides[::2], sides[1::2]))
    mask = reader.integers("mask") if "mask" in reader else tuple(range(num))
    if any(not 0 <= entry < num for entry in mask):
        raise reader.fault(f"mask must hold numbers from 0 to {num - 1}, found {reader.text('mask')}", "mask")
    classes = reader.integer("classes", DEFAULT_CLASSES)
    if not 1 <= classes <= plans.LARGEST_FILTERS:
        raise reader.fault(f"classes must be 1 to {plans.LARGEST_FILTERS}, found {classes}", "classes")
    scale = reader.number("scale_x_y", 1.0)
    if not 0 < scale <= 10:
        raise reader.fault(f"scale_x_y must be above 0 and at most 10, found {scale}", "scale_x_y")
    return plans.YoloPlan(
        sources=(index - 1,),
        anchors=tuple(pairs[entry] for entry in mask),
        num_classes=classes,
        xy_scale=scale,
        new_coordinates=reader.integer("new_coords", 0) != 0,
    )


def _strides(reader: SectionReader) -> tuple[int, int]:
    stride = reader.integer("stride", 1)
    horizontal = reader.integer("stride_x", stride)
    return (reader.integer("stride_y", stride), horizontal)


def _earlier(reader: SectionReader, key: str, index: int, *, most: int = LARGEST_LAYERS) -> tuple[int, ...]:
    """Layer numbers as Darknet writes them: negative ones count back from this layer."""
    numbers = reader.integers(key)
    if len(numbers) > most:
        raise reader.fault(f"{key} takes {most} layer, found {len(numbers)}", key)
    found = tuple(number + index if number < 0 else number for number in numbers)
    for number, layer in zip(numbers, found):
        if not 0 <= layer < index:
            raise reader.fault(f"{key}={number}: this is layer {index}, and there is no layer {layer} before it", key)
    return found


_PRODUCT_ACTIVATIONS = tuple(name for name in ACTIVATIONS if name not in ("mish", "swish"))  # Darknet's own limit

_LAYERS: dict[str, Callable[[SectionReader, int], LayerPlan]] = {
    "convolutional": _convolution,
    "shortcut": _shortcut,
    "route": _route,
    "upsample": _upsample,
    "maxpool": _max_pool,
    "avgpool": _average_pool,
    "dropout": _dropout,
    "softmax": _softmax,
    "cost": _cost,
    "batchnorm": _batch_norm,
    "scale_channels": _scale_channels,
    "sam": _sam,
    "reorg": _reorg,
    "yolo": _yolo,
}
