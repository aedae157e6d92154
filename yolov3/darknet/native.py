"""Our own networks in Darknet's order: YOLOv3, its SPP and tiny variants, and the Darknet-53 classifier.

One walk over a network gives both its plan in Darknet's language (from which its ``.cfg`` is written, and by which a
``.cfg`` is recognised as one of ours) and its convolutions in the order of a ``.weights`` file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import nn

from yolov3.darknet import plan as plans
from yolov3.darknet.plan import LayerPlan, NetworkPlan
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.darknet53 import Darknet53
from yolov3.models.darknet_tiny import DarknetTiny
from yolov3.models.head import AnchorHead
from yolov3.models.layers import Conv, ConvResidual, SpatialPyramidPooling
from yolov3.models.neck import PyramidNeck, TinyNeck
from yolov3.models.yolov3 import VARIANTS, YOLOv3
from yolov3.structures import Level, Size

Native = YOLOv3 | Darknet53Classifier

MOST_FILTERS = 1024
"""Filters of the widest layers of each of our networks at width 1: they tell the width of a network in a ``.cfg``."""


def native_plan(network: Native, size: Size) -> NetworkPlan:
    """The plan of one of our networks for an input of ``size`` (height, width)."""
    return NetworkPlan((3, *size), tuple(_walk(network).layers))


def native_convolutions(network: Native) -> dict[int, nn.Module]:
    """The layers with weights by their number in the plan, in its order: ``Conv``, ``nn.Conv2d`` or ``nn.Linear``."""
    return _walk(network).modules


def recognise(plan: NetworkPlan) -> Native | None:
    """One of our networks of exactly this plan with fresh weights (on torch's default device), or None."""
    candidates = _classifiers(plan) if not plan.yolo_layers else _detectors(plan)
    for build in candidates:
        with torch.device("meta"):  # to compare, no memory is needed
            candidate = build()
        if native_plan(candidate, plan.input_shape[1:]) == plan:
            return build()
    return None


def _detectors(plan: NetworkPlan) -> Iterable[Callable[[], Native]]:
    yolo_layers = [layer for _, layer in plan.yolo_layers]
    same = {(layer.num_classes, layer.xy_scale, len(layer.anchors)) for layer in yolo_layers}
    if len(same) > 1:
        return
    classes, xy_scale, _ = same.pop()
    for variant in VARIANTS:
        if len(yolo_layers) == (2 if variant == "yolov3-tiny" else 3):
            yield partial(
                YOLOv3,
                variant=variant,
                num_classes=classes,
                width=_width(plan),
                anchors=[layer.anchors for layer in yolo_layers],
                xy_scale=xy_scale,
            )


def _classifiers(plan: NetworkPlan) -> Iterable[Callable[[], Native]]:
    last = plan.layers[-2:][0]
    if isinstance(last, plans.ConvolutionPlan):
        yield partial(Darknet53Classifier, num_classes=last.filters, width=_width(plan))


def _width(plan: NetworkPlan) -> float:
    widths = (p.filters for p in plan.layers if isinstance(p, plans.ConvolutionPlan) and p.batch_normalise)
    return max(widths, default=MOST_FILTERS) / MOST_FILTERS


class _Walk:
    """Gathers layers in Darknet's order."""

    def __init__(self) -> None:
        self.layers: list[LayerPlan] = []
        self.modules: dict[int, nn.Module] = {}

    @property
    def last(self) -> int:
        """The number of the newest layer."""
        return len(self.layers) - 1

    def add(self, layer: LayerPlan) -> int:
        self.layers.append(layer)
        return self.last

    def convolution(self, module: Conv | nn.Conv2d | nn.Linear) -> int:
        bare = module.convolution if isinstance(module, Conv) else module
        if isinstance(bare, nn.Linear):  # on a map of one cell the same as a convolution of size 1
            filters, size, stride = bare.out_features, 1, 1
        else:
            filters, size, stride = bare.out_channels, bare.kernel_size[0], bare.stride[0]
            assert bare.padding == (size // 2, size // 2)
        layer = plans.ConvolutionPlan(
            sources=(self.last,),
            filters=filters,
            size=size,
            stride=(stride, stride),
            padding=size // 2,
            activation="leaky" if isinstance(module, Conv) else "linear",
            batch_normalise=isinstance(module, Conv),
        )
        self.modules[len(self.layers)] = module
        return self.add(layer)

    def sequence(self, modules: Iterable[nn.Module]) -> int:
        for module in modules:
            if isinstance(module, ConvResidual):
                before = self.last
                self.convolution(module.squeeze)
                self.convolution(module.widen)
                self.add(plans.ShortcutPlan(sources=(self.last, before)))
            elif isinstance(module, SpatialPyramidPooling):
                self.pyramid(module.SIZES)
            else:
                assert isinstance(module, Conv)
                self.convolution(module)
        return self.last

    def pyramid(self, sizes: Iterable[int]) -> None:
        start = self.last
        pools: list[int] = []
        for size in sorted(sizes):
            if pools:
                self.add(plans.RoutePlan(sources=(start,)))
            pools.append(self.pool(size, 1))
        self.add(plans.RoutePlan(sources=(*reversed(pools), start)))

    def pool(self, size: int, stride: int) -> int:
        return self.add(plans.MaxPoolPlan(sources=(self.last,), size=size, stride=(stride, stride), padding=size - 1))

    def head(self, head: nn.Module, level: Level, num_classes: int) -> None:
        assert isinstance(head, AnchorHead)
        self.convolution(head.hidden)
        self.convolution(head.predict)
        self.add(
            plans.YoloPlan(
                sources=(self.last,),
                anchors=level.anchors,
                num_classes=num_classes,
                xy_scale=level.xy_scale,
                new_coordinates=level.new_coordinates,
            )
        )

    def upwards(self, start: int, lateral: Conv, backbone: int) -> None:
        """From the coarse map ``start`` to the next finer level, which joins the backbone's layer of that number."""
        self.add(plans.RoutePlan(sources=(start,)))
        self.convolution(lateral)
        self.add(plans.UpsamplePlan(sources=(self.last,), stride=2))
        self.add(plans.RoutePlan(sources=(self.last, backbone)))


def _walk(network: Native) -> _Walk:
    walk = _Walk()
    if isinstance(network, Darknet53Classifier):
        _darknet53(walk, network.backbone)
        walk.add(plans.AveragePoolPlan(sources=(walk.last,)))
        walk.convolution(network.classify)
        walk.add(plans.SoftmaxPlan(sources=(walk.last,)))
    elif isinstance(network.backbone, DarknetTiny):
        _tiny(walk, network)
    else:
        _pyramid(walk, network)
    return walk


def _darknet53(walk: _Walk, backbone: Darknet53) -> tuple[int, int]:
    """The numbers of the layers that give the maps of strides 16 and 8."""
    walk.sequence((backbone.conv1, backbone.conv2, *backbone.conv3_4, backbone.conv5, *backbone.conv6_9))
    stride8 = walk.sequence((backbone.conv10, *backbone.conv11_26))
    stride16 = walk.sequence((backbone.conv27, *backbone.conv28_43))
    walk.sequence((backbone.conv44, *backbone.conv45_52))
    return stride16, stride8


def _pyramid(walk: _Walk, network: YOLOv3) -> None:
    neck, heads = network.neck, network.heads
    assert isinstance(network.backbone, Darknet53)
    assert isinstance(neck, PyramidNeck)
    stride16, stride8 = _darknet53(walk, network.backbone)
    start = walk.sequence(neck.block32)
    walk.head(heads[0], network.levels[0], network.num_classes)
    walk.upwards(start, neck.lateral16, stride16)
    start = walk.sequence(neck.block16)
    walk.head(heads[1], network.levels[1], network.num_classes)
    walk.upwards(start, neck.lateral8, stride8)
    walk.sequence(neck.block8)
    walk.head(heads[2], network.levels[2], network.num_classes)


def _tiny(walk: _Walk, network: YOLOv3) -> None:
    backbone, neck, heads = network.backbone, network.neck, network.heads
    assert isinstance(backbone, DarknetTiny)
    assert isinstance(neck, TinyNeck)
    for convolution in (backbone.conv1, backbone.conv2, backbone.conv3, backbone.conv4):
        walk.convolution(convolution)
        walk.pool(2, 2)
    stride16 = walk.convolution(backbone.conv5)
    walk.pool(2, 2)
    walk.convolution(backbone.conv6)
    walk.pool(2, 1)
    walk.convolution(backbone.conv7)
    start = walk.convolution(neck.block32)
    walk.head(heads[0], network.levels[0], network.num_classes)
    walk.upwards(start, neck.lateral16, stride16)
    walk.head(heads[1], network.levels[1], network.num_classes)
