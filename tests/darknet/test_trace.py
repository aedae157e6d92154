"""Walking a plan: the shapes and sizes of its layers, and what cannot be, refused before any memory is taken."""

from __future__ import annotations

import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.native import native_plan
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.trace import (
    LARGEST_KEPT,
    LARGEST_LAYERS,
    LARGEST_NETWORK,
    LARGEST_OUTPUT,
    PlanError,
    input_shapes,
    stored_layers,
    trace_shapes,
)
from yolov3.models.yolov3 import YOLOv3

ANCHORS = ((10.0, 13.0), (16.0, 30.0))


def convolution(source: int, filters: int, size: int = 3, stride: int = 1, **more) -> plans.ConvolutionPlan:
    settings = {"activation": "leaky", "batch_normalise": True, "padding": size // 2} | more
    return plans.ConvolutionPlan(sources=(source,), filters=filters, size=size, stride=(stride, stride), **settings)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([convolution(-1, 9000)], "filters must be 1 to 8192"),
        ([convolution(-1, 4, 200)], "size must be 1 to 128"),
        ([convolution(-1, 4, 3, 0)], "stride must be 1 to 128"),
        ([convolution(-1, 4, groups=2)], "groups=2 must divide"),
        ([convolution(-1, 4, 4, dilation=2)], "odd size"),
        ([convolution(0, 4)], "not before it"),
        ([plans.MaxPoolPlan(sources=(-1,), size=2, stride=(2, 2), padding=4)], "padding must be 0 to 2"),
        ([plans.MaxPoolPlan(sources=(-1,), size=99, stride=(1, 1), padding=0)], "would be empty"),
        ([plans.UpsamplePlan(sources=(-1,), stride=128)] * 2, "too large"),
        ([plans.RoutePlan(sources=(-1,) * 30_000)], "too large"),
        ([convolution(-1, 4, stride=2), plans.RoutePlan(sources=(0, -1))], "one size"),
        ([plans.RoutePlan(sources=(-1,), groups=2)], "must divide the channels"),
        ([plans.RoutePlan(sources=(-1,), groups=3, group=3)], "group_id must be 0 to 2"),
        ([plans.DropoutPlan(sources=(-1,), probability=1.0)], "probability"),
        ([plans.ReorgPlan(sources=(-1,), stride=2)], "does not divide"),
        ([plans.YoloPlan(sources=(-1,), anchors=ANCHORS, num_classes=2)], "= 14 filters, found 3"),
        ([convolution(-1, 4), plans.SamPlan(sources=(0, -1))], "one shape"),
        ([convolution(-1, 4), plans.ScaleChannelsPlan(sources=(0, -1))], "factors of"),
        ([convolution(-1, 4, 7, stride=3), plans.ShortcutPlan(sources=(0, -1))], "cannot add a map of 64x96"),
        ([], "1 to 2000 layers"),
        ([convolution(-1, 3)] * 2001, "1 to 2000 layers"),
        ([convolution(i - 1, 8192, 11) for i in range(3)], "more than 1000000000 weights"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(layers, reason):
    plan = NetworkPlan((3, 64, 96), tuple(layers))
    with pytest.raises(PlanError, match=reason):
        trace_shapes(plan)


def test_every_layer_has_its_shape():
    layers = (
        convolution(-1, 8, stride=2),
        plans.MaxPoolPlan(sources=(0,), size=2, stride=(2, 2), padding=1),
        plans.UpsamplePlan(sources=(1,), stride=2),
        plans.RoutePlan(sources=(2, 0)),
        plans.RoutePlan(sources=(3,), groups=4, group=1),
        plans.ShortcutPlan(sources=(4, 0)),
        plans.ReorgPlan(sources=(5,), stride=2),
        plans.AveragePoolPlan(sources=(6,)),
        plans.ScaleChannelsPlan(sources=(7, 6)),
        convolution(8, 14, 1),
        plans.YoloPlan(sources=(9,), anchors=ANCHORS, num_classes=2),
    )
    assert trace_shapes(NetworkPlan((3, 64, 96), layers)) == (
        (8, 32, 48),
        (8, 16, 24),
        (8, 32, 48),
        (16, 32, 48),
        (4, 32, 48),
        (4, 32, 48),
        (16, 16, 24),
        (16, 1, 1),
        (16, 16, 24),
        (14, 16, 24),
        (14, 16, 24),
    )


def test_an_error_carries_the_number_of_its_layer():
    plan = NetworkPlan((3, 64, 96), (convolution(-1, 4), convolution(0, 9000)))
    with pytest.raises(PlanError) as caught:
        trace_shapes(plan)
    assert caught.value.layer == 1
    assert caught.value.reason == "filters must be 1 to 8192, found 9000"
    assert str(caught.value) == "layer 1: filters must be 1 to 8192, found 9000"
    assert str(PlanError(-1, "no layers")) == "no layers"


@pytest.mark.parametrize("size", [(0, 32), (32, 0), (8193, 32), (32, 8193)])
def test_an_input_beyond_reason_is_refused(size):
    with pytest.raises(PlanError, match="the input must be 1 to 8192 wide and high") as caught:
        trace_shapes(NetworkPlan((3, *size), (convolution(-1, 4),)))
    assert caught.value.layer == -1


def test_as_many_layers_as_allowed_are_traced():
    layers = tuple(convolution(index - 1, 3, 1) for index in range(LARGEST_LAYERS))
    assert len(trace_shapes(NetworkPlan((3, 8, 8), layers))) == LARGEST_LAYERS


def test_the_inputs_of_a_layer_come_in_its_own_order():
    layers = (convolution(-1, 4), convolution(0, 5), plans.RoutePlan(sources=(0, -1, 1)))
    plan = NetworkPlan((3, 8, 8), layers)
    shapes = trace_shapes(plan)
    assert input_shapes(plan, shapes, 2) == [(4, 8, 8), (3, 8, 8), (5, 8, 8)]


@pytest.mark.parametrize(
    "last", [plans.SoftmaxPlan(sources=(0,)), plans.YoloPlan(sources=(0,), anchors=ANCHORS, num_classes=2)]
)
def test_only_a_cost_layer_may_follow_a_final_one(last):
    layers = (convolution(-1, 14, 1), last)
    assert len(trace_shapes(NetworkPlan((3, 8, 8), (*layers, plans.CostPlan(sources=(1,)))))) == 3
    with pytest.raises(PlanError, match="layer 1, a final layer") as caught:
        trace_shapes(NetworkPlan((3, 8, 8), (*layers, convolution(1, 4))))
    assert caught.value.layer == 2


def test_stored_layers_are_those_with_weights():
    layers = (
        convolution(-1, 4, 3),
        plans.MaxPoolPlan(sources=(0,), size=2, stride=(2, 2), padding=1),
        plans.BatchNormPlan(sources=(1,)),
        convolution(2, 6, 1, batch_normalise=False),
        convolution(3, 6, 3, groups=3),
        plans.CostPlan(sources=(4,)),
    )
    assert stored_layers(NetworkPlan((3, 64, 64), layers)) == (
        (0, 4 * 3 * 9 + 4 * 4),
        (2, 4 * 4),
        (3, 6 * 4 + 6),
        (4, 6 * 2 * 9 + 4 * 6),
    )


def test_a_network_of_a_thousand_million_weights_is_the_largest():
    def plan(filters: int) -> NetworkPlan:
        return NetworkPlan((3, 8, 8), (convolution(-1, 8192, 1), convolution(0, filters, 11)))

    fits = max(f for f in range(900, 1100) if 8192 * (3 + 4) + f * (8192 * 121 + 4) <= LARGEST_NETWORK)
    assert len(trace_shapes(plan(fits))) == 2
    with pytest.raises(PlanError, match="more than 1000000000 weights"):
        trace_shapes(plan(fits + 1))


def upsampling(times: int, kept: int) -> NetworkPlan:
    """One filter on a map of so many times 32 pixels a side, which so many layers take until the end."""
    grow = (convolution(-1, 8, 1), plans.UpsamplePlan(sources=(0,), stride=times))
    copies = tuple(plans.ShortcutPlan(sources=(1,)) for _ in range(kept))
    return NetworkPlan((3, 32, 32), (*grow, *copies, plans.ShortcutPlan(sources=tuple(range(1, 2 + kept)))))


def test_a_few_layers_without_weights_cannot_take_all_memory():
    """Their numbers for one image are counted before any is computed: each, and those that wait for a later layer."""
    assert LARGEST_OUTPUT == 2**28 and LARGEST_KEPT == 2**29
    trace_shapes(upsampling(90, kept=5))
    with pytest.raises(PlanError, match="its output would be too large") as caught:
        trace_shapes(NetworkPlan((3, 64, 64), (convolution(-1, 8, 1), plans.UpsamplePlan(sources=(0,), stride=128))))
    assert caught.value.layer == 1
    with pytest.raises(PlanError, match=r"one image would take \d+ numbers up to here, at most 536870912"):
        trace_shapes(upsampling(120, kept=6))


def test_what_nobody_takes_any_more_is_not_counted():
    chain = [plans.UpsamplePlan(sources=(0,), stride=128), *(plans.ShortcutPlan(sources=(n,)) for n in range(1, 40))]
    plan = NetworkPlan((3, 32, 32), (convolution(-1, 8, 1), *chain))
    assert len(trace_shapes(plan)) == 41


def test_yolov3_may_be_as_large_as_it_is_said():
    for side, fits in ((2880, True), (3008, False)):
        with torch.device("meta"):
            network = YOLOv3(num_classes=80)
        plan = native_plan(network, (side, side))
        if fits:
            trace_shapes(plan)
        else:
            with pytest.raises(PlanError, match="too large"):
                trace_shapes(plan)
