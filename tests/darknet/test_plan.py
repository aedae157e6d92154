"""The record of each layer: the shape it gives, the numbers it stores, and inputs it cannot take."""

from __future__ import annotations

import dataclasses

import pytest

from yolov3.darknet import plan as plans
from yolov3.darknet.plan import NetworkPlan, Shape, shape_text

ANCHORS = ((10.0, 13.0), (16.0, 30.0))


def convolution(**changes: object) -> plans.ConvolutionPlan:
    settings: dict[str, object] = {
        "sources": (-1,),
        "filters": 8,
        "size": 3,
        "stride": (1, 1),
        "padding": 1,
        "activation": "leaky",
        "batch_normalise": True,
    }
    return plans.ConvolutionPlan(**(settings | changes))


def pool(size: int, stride: tuple[int, int], padding: int) -> plans.MaxPoolPlan:
    return plans.MaxPoolPlan(sources=(-1,), size=size, stride=stride, padding=padding)


@pytest.mark.parametrize(
    ("layer", "inputs", "shape"),
    [
        (convolution(), [(3, 7, 9)], (8, 7, 9)),
        (convolution(stride=(2, 2)), [(3, 7, 9)], (8, 4, 5)),
        (convolution(stride=(1, 3)), [(3, 7, 9)], (8, 7, 3)),
        (convolution(padding=0), [(3, 7, 9)], (8, 5, 7)),
        (convolution(dilation=2), [(3, 7, 9)], (8, 7, 9)),
        (convolution(groups=4), [(4, 7, 9)], (8, 7, 9)),
        (pool(2, (2, 2), 1), [(3, 7, 9)], (3, 4, 5)),
        (pool(2, (1, 1), 1), [(3, 7, 9)], (3, 7, 9)),
        (pool(3, (2, 1), 0), [(3, 7, 9)], (3, 3, 7)),
        (plans.AveragePoolPlan(sources=(-1,)), [(3, 7, 9)], (3, 1, 1)),
        (plans.UpsamplePlan(sources=(-1,), stride=3), [(3, 7, 9)], (3, 21, 27)),
        (plans.RoutePlan(sources=(0, 1)), [(3, 7, 9), (5, 7, 9)], (8, 7, 9)),
        (plans.RoutePlan(sources=(0, 1), groups=2, group=1), [(4, 7, 9), (6, 7, 9)], (5, 7, 9)),
        (plans.ShortcutPlan(sources=(0, 1)), [(3, 7, 9), (5, 7, 9)], (3, 7, 9)),
        (plans.ShortcutPlan(sources=(0, 1)), [(3, 6, 6), (5, 12, 12)], (3, 6, 6)),
        (plans.ScaleChannelsPlan(sources=(0, 1)), [(3, 1, 1), (3, 7, 9)], (3, 7, 9)),
        (plans.ScaleChannelsPlan(sources=(0, 1), per_cell=True), [(1, 7, 9), (3, 7, 9)], (3, 7, 9)),
        (plans.SamPlan(sources=(0, 1)), [(3, 7, 9), (3, 7, 9)], (3, 7, 9)),
        (plans.ReorgPlan(sources=(-1,), stride=2), [(4, 6, 8)], (16, 3, 4)),
        (plans.ReorgPlan(sources=(-1,), stride=2, reverse=True), [(16, 3, 5)], (4, 6, 10)),
        (plans.DropoutPlan(sources=(-1,), probability=0), [(3, 7, 9)], (3, 7, 9)),
        (plans.BatchNormPlan(sources=(-1,)), [(3, 7, 9)], (3, 7, 9)),
        (plans.SoftmaxPlan(sources=(-1,)), [(3, 1, 1)], (3, 1, 1)),
        (plans.CostPlan(sources=(-1,)), [(3, 1, 1)], (3, 1, 1)),
        (plans.YoloPlan(sources=(0,), anchors=ANCHORS, num_classes=2), [(14, 7, 9)], (14, 7, 9)),
    ],
)
def test_shapes(layer, inputs, shape):
    assert layer.output_shape(inputs) == shape


@pytest.mark.parametrize(
    ("layer", "channels", "count"),
    [
        (convolution(), 3, 8 * 27 + 4 * 8),
        (convolution(batch_normalise=False), 3, 8 * 27 + 8),
        (convolution(groups=4), 4, 8 * 9 + 4 * 8),
        (convolution(size=1, padding=0, filters=255), 1024, 255 * 1024 + 4 * 255),
        (plans.BatchNormPlan(sources=(-1,)), 5, 20),
        (pool(2, (2, 2), 1), 5, 0),
        (plans.YoloPlan(sources=(0,), anchors=ANCHORS, num_classes=2), 14, 0),
    ],
)
def test_stored_numbers(layer, channels, count):
    assert layer.stored_floats([(channels, 7, 9)]) == count


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (convolution(groups=2), [(3, 7, 9)], "groups=2 must divide its 3 input channels and 8 filters"),
        (convolution(groups=3), [(3, 7, 9)], "groups=3 must divide its 3 input channels and 8 filters"),
        (
            convolution(dilation=2, size=4, padding=2),
            [(3, 7, 9)],
            "dilation=2 needs an odd size and pad=1, found size=4",
        ),
        (convolution(dilation=2, padding=0), [(3, 7, 9)], "dilation=2 needs an odd size and pad=1, found size=3"),
        (convolution(padding=129), [(3, 7, 9)], "padding must be 0 to 128, found 129"),
        (convolution(stride=(1, 129)), [(3, 7, 9)], "stride must be 1 to 128, found 129"),
        (convolution(stride=(1, 0)), [(3, 7, 9)], "stride must be 1 to 128, found 0"),
        (pool(3, (1, 1), 5), [(3, 7, 9)], "padding must be 0 to 4, found 5"),
        (
            plans.RoutePlan(sources=(0, 1)),
            [(3, 7, 9), (3, 7, 8)],
            "only maps of one size can be concatenated, found 7x9, 7x8",
        ),
        (
            plans.RoutePlan(sources=(0, 1), groups=2),
            [(4, 7, 9), (3, 7, 9)],
            "groups=2 must divide the channels of each layer, found 4, 3",
        ),
        (plans.ShortcutPlan(sources=(0, 1)), [(3, 7, 9), (3, 14, 9)], "cannot add a map of 14x9 to one of 7x9"),
        (
            plans.ScaleChannelsPlan(sources=(0, 1)),
            [(3, 7, 9), (3, 7, 9)],
            "factors of 3 x 1 x 1 are needed for 3 x 7 x 9, found 3 x 7 x 9",
        ),
        (
            plans.ScaleChannelsPlan(sources=(0, 1), per_cell=True),
            [(3, 1, 1), (3, 7, 9)],
            "factors of 1 x 7 x 9 are needed for 3 x 7 x 9, found 3 x 1 x 1",
        ),
        (
            plans.SamPlan(sources=(0, 1)),
            [(3, 7, 9), (4, 7, 9)],
            "both maps must have one shape, found 3 x 7 x 9 and 4 x 7 x 9",
        ),
        (plans.ReorgPlan(sources=(-1,), stride=2), [(4, 7, 8)], "stride=2 does not divide a map of 4 x 7 x 8"),
        (plans.ReorgPlan(sources=(-1,), stride=2, reverse=True), [(6, 8, 8)], "stride=2 does not divide"),
        (
            plans.DropoutPlan(sources=(-1,), probability=-0.1),
            [(3, 7, 9)],
            r"probability must lie in \[0, 1\), found -0.1",
        ),
        (
            plans.YoloPlan(sources=(0,), anchors=ANCHORS, num_classes=2),
            [(15, 7, 9)],
            r"2 anchors x \(5 \+ 2 classes\) = 14 filters, found 15",
        ),
    ],
)
def test_inputs_that_cannot_be_are_refused_with_what_was_found(layer, inputs, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(inputs)


def slow_cells(side: int, size: int, stride: int, before: int, after: int) -> int:
    """How often a window fits on a padded side, by trying every place."""
    return sum(start + size <= before + side + after for start in range(0, before + side + after, stride))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_are_counted_as_if_every_place_were_tried(size, stride):
    for side in range(size, 20):
        for padding in range(size):
            layer = convolution(size=size, stride=(stride, stride), padding=padding)
            assert layer.output_shape([(3, side, 7)])[1] == slow_cells(side, size, stride, padding, padding)
            found = pool(size, (stride, stride), padding).output_shape([(3, side, 7)])
            assert found[1] == slow_cells(side, size, stride, padding // 2, padding - padding // 2)


def test_the_yolo_layers_come_with_their_numbers():
    yolo = plans.YoloPlan(sources=(0,), anchors=ANCHORS, num_classes=2)
    plan = NetworkPlan((3, 32, 32), (convolution(filters=14), yolo, plans.RoutePlan(sources=(0,)), yolo))
    assert plan.yolo_layers == ((1, yolo), (3, yolo))
    assert yolo.num_entries == 14


def test_plans_are_equal_exactly_when_all_their_numbers_are():
    assert NetworkPlan((3, 32, 32), (convolution(),)) == NetworkPlan((3, 32, 32), (convolution(),))
    for field in dataclasses.fields(plans.ConvolutionPlan):
        other = dataclasses.replace(convolution(), **{field.name: "something else"})
        assert other != convolution()
    assert plans.SoftmaxPlan(sources=(0,)) != plans.CostPlan(sources=(0,))


def test_shapes_are_written_for_people():
    shape: Shape = (3, 416, 608)
    assert shape_text(shape) == "3 x 416 x 608"
