"""From a plan to the text of its ``.cfg``: the reverse of cfg_to_plan.

Besides the network, the text holds what the programs need to use it as it is meant (how images are fitted, which
suppression rule) and the settings of the original training recipe, so that Darknet can go on training it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from numpy import format_float_positional

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import Cfg, CfgOption, CfgSection
from yolov3.darknet.plan import LayerPlan, NetworkPlan

Options = dict[str, object]

DETECTOR_RECIPE: Mapping[str, object] = {
    "batch": 64,
    "subdivisions": 16,
    "momentum": 0.9,
    "decay": 0.0005,
    "learning_rate": 0.001,
    "burn_in": 1000,
    "max_batches": 500_200,
    "policy": "steps",
    "steps": "400000,450000",
    "scales": "0.1,0.1",
    "angle": 0,
    "hue": 0.1,
    "saturation": 1.5,
    "exposure": 1.5,
}
YOLO_RECIPE: Mapping[str, object] = {"jitter": 0.3, "ignore_thresh": 0.7, "truth_thresh": 1, "random": 1}
CLASSIFIER_RECIPE: Mapping[str, object] = {
    "batch": 128,
    "subdivisions": 4,
    "momentum": 0.9,
    "decay": 0.0005,
    "learning_rate": 0.1,
    "burn_in": 1000,
    "max_batches": 800_000,
    "policy": "poly",
    "power": 4,
    "angle": 7,
    "hue": 0.1,
    "saturation": 0.75,
    "exposure": 0.75,
    "aspect": 0.75,
}
"""The published settings of the original program (Redmon and Farhadi 2018)."""

SMALLEST_WRITTEN_OUT, LARGEST_WRITTEN_OUT = 1e-15, 1e15
"""Numbers between them are written without an exponent, which Darknet v5 takes for a word; hundreds of digits would not be
read again."""

FARTHEST_RELATIVE = 9
"""Layers this near are named by counting back; farther ones by their number, as people write it."""


def cfg_from_plan(plan: NetworkPlan, *, letter_box: bool | None = None, yolo_options: Options | None = None) -> Cfg:
    """The ``.cfg`` of a plan. ``letter_box``: how images are fitted, None to say nothing; ``yolo_options`` are added
    to every ``[yolo]`` section (the suppression rule)."""
    channels, height, width = plan.input_shape
    net: Options = {"width": width, "height": height, "channels": channels}
    net |= DETECTOR_RECIPE if plan.yolo_layers else CLASSIFIER_RECIPE
    if letter_box is not None:
        net["letter_box"] = int(letter_box)
    anchors = _all_anchors(plan)
    sections = [_section("net", net)]
    for index, layer in enumerate(plan.layers):
        if isinstance(layer, plans.YoloPlan):
            sections.append(_section("yolo", _yolo(layer, anchors) | (yolo_options or {})))
        else:
            name, options = _WRITERS[type(layer)]
            sections.append(_section(name, options(layer, index)))
    return Cfg(tuple(sections))


def _convolution(layer: plans.ConvolutionPlan, index: int) -> Options:
    options: Options = {"batch_normalize": 1} if layer.batch_normalise else {}
    options |= {"filters": layer.filters, "size": layer.size, **_strides(layer.stride)}
    options |= {"pad": 1} if layer.padding == layer.size // 2 else {"padding": layer.padding}
    if layer.groups > 1:
        options["groups"] = layer.groups
    if layer.dilation > 1:
        options["dilation"] = layer.dilation
    return options | {"activation": layer.activation}


def _shortcut(layer: plans.ShortcutPlan, index: int) -> Options:
    others = ",".join(str(source - index) for source in layer.sources[1:])
    return {"from": others, "activation": layer.activation}


def _route(layer: plans.RoutePlan, index: int) -> Options:
    options: Options = {"layers": ",".join(_number(source, index) for source in layer.sources)}
    return options | ({"groups": layer.groups, "group_id": layer.group} if layer.groups > 1 else {})


def _upsample(layer: plans.UpsamplePlan, index: int) -> Options:
    return {"stride": layer.stride} | ({"scale": layer.scale} if layer.scale != 1 else {})


def _max_pool(layer: plans.MaxPoolPlan, index: int) -> Options:
    options: Options = {"size": layer.size, **_strides(layer.stride)}
    return options | ({} if layer.padding == layer.size - 1 else {"padding": layer.padding})


def _dropout(layer: plans.DropoutPlan, index: int) -> Options:
    return {"probability": layer.probability}


def _scale_channels(layer: plans.ScaleChannelsPlan, index: int) -> Options:
    options: Options = {"from": layer.sources[1] - index, "activation": layer.activation}
    return options | ({"scale_wh": 1} if layer.per_cell else {})


def _sam(layer: plans.SamPlan, index: int) -> Options:
    return {"from": layer.sources[1] - index, "activation": layer.activation}


def _reorg(layer: plans.ReorgPlan, index: int) -> Options:
    options: Options = {"stride": layer.stride}
    return options | ({"reverse": 1} if layer.reverse else {})


def _nothing(layer: LayerPlan, index: int) -> Options:
    return {}


def _softmax(layer: LayerPlan, index: int) -> Options:
    return {"groups": 1}


def _yolo(layer: plans.YoloPlan, anchors: tuple[tuple[float, float], ...]) -> Options:
    options: Options = {
        "mask": ",".join(str(anchors.index(anchor)) for anchor in layer.anchors),
        "anchors": ", ".join(f"{_plain(width)},{_plain(height)}" for width, height in anchors),
        "classes": layer.num_classes,
        "num": len(anchors),
        **YOLO_RECIPE,
    }
    if layer.xy_scale != 1:
        options["scale_x_y"] = layer.xy_scale
    return options | ({"new_coords": 1} if layer.new_coordinates else {})


def _all_anchors(plan: NetworkPlan) -> tuple[tuple[float, float], ...]:
    # Fine levels come first in the list, as in the published files; one that serves two levels stands there once.
    listed = (anchor for _, layer in reversed(plan.yolo_layers) for anchor in layer.anchors)
    return tuple(dict.fromkeys(listed))


def _strides(stride: tuple[int, int]) -> Options:
    vertical, horizontal = stride
    return {"stride": vertical} if vertical == horizontal else {"stride_x": horizontal, "stride_y": vertical}


def _number(source: int, index: int) -> str:
    return str(source - index if index - source <= FARTHEST_RELATIVE else source)


def _section(name: str, options: Mapping[str, object]) -> CfgSection:
    return CfgSection(name, tuple(CfgOption(key, _plain(value).replace(" ", "")) for key, value in options.items()))


def _plain(value: object) -> str:
    if isinstance(value, float) and value == 0:
        return "0"
    if isinstance(value, float) and SMALLEST_WRITTEN_OUT <= abs(value) < LARGEST_WRITTEN_OUT:
        return format_float_positional(value, trim="-")
    return str(value)


_WRITERS: dict[type[LayerPlan], tuple[str, Callable[..., Options]]] = {
    plans.ConvolutionPlan: ("convolutional", _convolution),
    plans.ShortcutPlan: ("shortcut", _shortcut),
    plans.RoutePlan: ("route", _route),
    plans.UpsamplePlan: ("upsample", _upsample),
    plans.MaxPoolPlan: ("maxpool", _max_pool),
    plans.AveragePoolPlan: ("avgpool", _nothing),
    plans.DropoutPlan: ("dropout", _dropout),
    plans.BatchNormPlan: ("batchnorm", _nothing),
    plans.ScaleChannelsPlan: ("scale_channels", _scale_channels),
    plans.SamPlan: ("sam", _sam),
    plans.ReorgPlan: ("reorg", _reorg),
    plans.SoftmaxPlan: ("softmax", _softmax),
    plans.CostPlan: ("cost", _nothing),
}
