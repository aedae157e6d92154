"""Networks of Darknet's language: every layer against a slow one, the contract, the memory, the refusals."""

from __future__ import annotations

import itertools
import weakref

import numpy as np
import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph, build_graph
from yolov3.darknet.layers import ACTIVATIONS, build_layer
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.trace import PlanError, trace_shapes

ANCHORS = ((10.0, 13.0), (16.0, 30.0))


def convolution(source: int, filters: int, size: int = 3, stride: int = 1, **more) -> plans.ConvolutionPlan:
    settings = {"activation": "leaky", "batch_normalise": True, "padding": size // 2} | more
    return plans.ConvolutionPlan(sources=(source,), filters=filters, size=size, stride=(stride, stride), **settings)


def detector(*, classes: int = 2, size: tuple[int, int] = (64, 96)) -> NetworkPlan:
    filters = len(ANCHORS) * (5 + classes)
    head = {"activation": "linear", "batch_normalise": False}
    yolo = {"anchors": ANCHORS, "num_classes": classes}
    layers = (
        convolution(-1, 4, stride=2),
        convolution(0, 8, stride=2),
        convolution(1, 8),
        plans.DropoutPlan(sources=(2,), probability=0.2),
        plans.ShortcutPlan(sources=(3, 1)),
        convolution(4, filters, 1, **head),
        plans.YoloPlan(sources=(5,), **yolo),
        plans.RoutePlan(sources=(4,)),
        plans.UpsamplePlan(sources=(7,), stride=2),
        plans.RoutePlan(sources=(8, 0)),
        convolution(9, filters, 1, **head),
        plans.YoloPlan(sources=(10,), **yolo),
    )
    return NetworkPlan((3, *size), layers)


def numbers(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).normal(size=shape))


def run(plan: plans.LayerPlan, *inputs: torch.Tensor) -> np.ndarray:
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    layer = build_layer(plan, shapes).double().eval()
    with torch.no_grad():
        result = layer(*(tensor.clone() for tensor in inputs))
    assert tuple(result.shape[1:]) == plan.output_shape(shapes)
    return result.numpy()


# ---- slow layers, written from the conventions with plain loops ----


def slow_activation(values: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-values))
        return {
            "linear": values,
            "leaky": np.where(values > 0, values, 0.1 * values),
            "logistic": sigmoid,
            "mish": values * np.tanh(np.log1p(np.exp(values))),
            "swish": values * sigmoid,
            "relu": np.maximum(values, 0),
            "relu6": np.clip(values, 0, 6),
        }[name]


def slow_convolution(image: np.ndarray, weights: np.ndarray, *, groups, stride, padding, dilation) -> np.ndarray:
    filters, per_group, size, _ = weights.shape
    channels, height, width = image.shape
    pad = padding * dilation
    canvas = np.zeros((channels, height + 2 * pad, width + 2 * pad))
    canvas[:, pad : pad + height, pad : pad + width] = image
    rows, columns = ((side + 2 * padding - size) // step + 1 for side, step in zip((height, width), stride))
    result = np.zeros((filters, rows, columns))
    for f, y, x in itertools.product(range(filters), range(rows), range(columns)):
        first = f // (filters // groups) * per_group
        for c, i, j in itertools.product(range(per_group), range(size), range(size)):
            value = canvas[first + c, y * stride[0] + i * dilation, x * stride[1] + j * dilation]
            result[f, y, x] += weights[f, c, i, j] * value
    return result


def slow_max_pool(image: np.ndarray, size: int, stride: tuple[int, int], padding: int) -> np.ndarray:
    channels, height, width = image.shape
    rows, columns = ((side + padding - size) // step + 1 for side, step in zip((height, width), stride))
    result = np.full((channels, rows, columns), -np.inf)
    for c, y, x, i, j in itertools.product(*map(range, (channels, rows, columns, size, size))):
        row, column = y * stride[0] - padding // 2 + i, x * stride[1] - padding // 2 + j
        if 0 <= row < height and 0 <= column < width:
            result[c, y, x] = max(result[c, y, x], image[c, row, column])
    return result


def slow_reorg(image: np.ndarray, stride: int, *, reverse: bool) -> np.ndarray:
    channels, height, width = image.shape
    few, flat, result = channels // stride**2, image.ravel(), np.zeros(image.size)
    for k, j, i in itertools.product(range(channels), range(height), range(width)):
        near = i + width * (j + height * k)
        offset = k // few
        row, column = j * stride + offset // stride, i * stride + offset % stride
        far = column + width * stride * (row + height * stride * (k % few))
        if reverse:
            result[far] = flat[near]
        else:
            result[near] = flat[far]
    if reverse:
        return result.reshape(few, height * stride, width * stride)
    return result.reshape(channels * stride**2, height // stride, width // stride)


def slow_shortcut(current: np.ndarray, other: np.ndarray) -> np.ndarray:
    total = current.copy()
    (c1, h1, w1), (c2, h2, w2) = other.shape, current.shape
    stride, sample = max(1, w1 // w2), max(1, w2 // w1)
    for k, j, i in itertools.product(range(min(c1, c2)), range(min(h1, h2)), range(min(w1, w2))):
        total[k, j * sample, i * sample] += other[k, j * stride, i * stride]
    return total


# ---- the layers ----


@pytest.mark.parametrize(
    ("size", "stride", "padding", "groups", "dilation", "activation"),
    [
        (3, (1, 1), 1, 1, 1, "leaky"),
        (3, (2, 2), 1, 2, 1, "mish"),
        (1, (1, 1), 0, 1, 1, "linear"),
        (5, (1, 1), 1, 4, 1, "swish"),
        (3, (1, 2), 0, 1, 1, "relu6"),
        (3, (1, 1), 1, 1, 2, "relu"),
        (2, (2, 1), 1, 1, 1, "logistic"),
    ],
)
@pytest.mark.parametrize("normalise", [True, False])
def test_convolution(size, stride, padding, groups, dilation, activation, normalise):
    plan = plans.ConvolutionPlan(
        sources=(-1,),
        filters=8,
        size=size,
        stride=stride,
        padding=padding,
        groups=groups,
        dilation=dilation,
        activation=activation,
        batch_normalise=normalise,
    )
    image = numbers(2, 4, 9, 8)
    layer = build_layer(plan, [(4, 9, 8)]).double().eval()
    with torch.no_grad():
        for name, tensor in layer.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.3, 2) if "var" in name else tensor.normal_()
        found = layer(image).numpy()
    state = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    assert found.shape[1:] == plan.output_shape([(4, 9, 8)])
    for index in range(2):
        slow = slow_convolution(
            image[index].numpy(),
            state["convolution.weight"],
            groups=groups,
            stride=stride,
            padding=padding,
            dilation=dilation,
        )
        if normalise:
            mean, variance = (state[f"normalisation.running_{k}"][:, None, None] for k in ("mean", "var"))
            slow = (slow - mean) / np.sqrt(variance + 1e-5)
            slow = slow * state["normalisation.weight"][:, None, None] + state["normalisation.bias"][:, None, None]
        else:
            slow = slow + state["convolution.bias"][:, None, None]
        np.testing.assert_allclose(found[index], slow_activation(slow, activation), atol=1e-12)


@pytest.mark.parametrize(
    ("size", "padding"),
    [(1, 0), (2, 1), (2, 0), (2, 2), (3, 2), (3, 1), (3, 3), (5, 4), (5, 3), (5, 8), (9, 8), (9, 1)],
)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
def test_max_pool_is_darknets_for_every_edge(size, stride, padding):
    plan = plans.MaxPoolPlan(sources=(-1,), size=size, stride=stride, padding=padding)
    for height, width in ((9, 10), (10, 13), (11, 9)):
        features = -numbers(1, 2, height, width).abs() - 1  # all negative: padding with zeros would show
        np.testing.assert_array_equal(run(plan, features)[0], slow_max_pool(features[0].numpy(), size, stride, padding))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_reorg_has_darknets_own_order(stride, reverse):
    features = numbers(2, 36, 6, 12)
    found = run(plans.ReorgPlan(sources=(-1,), stride=stride, reverse=reverse), features)
    np.testing.assert_array_equal(found[1], slow_reorg(features[1].numpy(), stride, reverse=reverse))


@pytest.mark.parametrize("other", [(4, 6, 6), (2, 6, 6), (9, 6, 6), (4, 12, 12), (3, 3, 3), (9, 13, 13)])
@pytest.mark.parametrize("activation", ["linear", "leaky"])
def test_shortcut_of_differing_shapes(other, activation):
    current, added = numbers(1, 4, 6, 6), numbers(1, *other)
    found = run(plans.ShortcutPlan(sources=(0, 1), activation=activation), current, added)
    slow = slow_activation(slow_shortcut(current[0].numpy(), added[0].numpy()), activation)
    np.testing.assert_array_equal(found[0], slow)


def test_shortcut_of_several_layers_adds_them_all():
    a, b, c = numbers(1, 4, 6, 6), numbers(1, 4, 6, 6) + 1, numbers(1, 4, 6, 6) * 2
    found = run(plans.ShortcutPlan(sources=(0, 1, 2)), a, b, c)
    np.testing.assert_array_equal(found, (a + b + c).numpy())


def test_route_concatenates_in_the_listed_order_and_takes_groups_of_each():
    a, b = numbers(1, 4, 3, 5), numbers(1, 8, 3, 5)
    np.testing.assert_array_equal(run(plans.RoutePlan(sources=(0, 1)), a, b), np.concatenate((a, b), 1))
    halves = np.concatenate((a[:, 2:], b[:, 4:]), 1)
    np.testing.assert_array_equal(run(plans.RoutePlan(sources=(0, 1), groups=2, group=1), a, b), halves)


def test_upsample_scale_average_scale_channels_and_sam():
    features = numbers(2, 3, 4, 5)
    repeated = features.numpy().repeat(3, axis=2).repeat(3, axis=3)
    np.testing.assert_array_equal(run(plans.UpsamplePlan(sources=(-1,), stride=3), features), repeated)
    doubled = run(plans.UpsamplePlan(sources=(-1,), stride=3, scale=2.0), features)
    np.testing.assert_array_equal(doubled, 2 * repeated)
    means = run(plans.AveragePoolPlan(sources=(-1,)), features)
    np.testing.assert_allclose(means[..., 0, 0], features.numpy().mean((2, 3)))
    factors = numbers(2, 3, 1, 1)
    scaled = run(plans.ScaleChannelsPlan(sources=(0, 1), activation="relu"), factors, features)
    np.testing.assert_array_equal(scaled, np.maximum(factors.numpy() * features.numpy(), 0))
    cells = numbers(2, 1, 4, 5)
    per_cell = run(plans.ScaleChannelsPlan(sources=(0, 1), per_cell=True), cells, features)
    np.testing.assert_array_equal(per_cell, cells.numpy() * features.numpy())
    attention = run(plans.SamPlan(sources=(0, 1)), features, features + 1)
    np.testing.assert_array_equal(attention, (features * (features + 1)).numpy())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_pass_every_activation(activation):
    layer = build_layer(convolution(-1, 4, activation=activation), [(3, 8, 8)]).double()
    image = numbers(2, 3, 8, 8).requires_grad_()
    assert torch.autograd.gradcheck(layer.eval(), (image,), nondet_tol=0)


# ---- the whole ----


def test_graph_keeps_the_contract_of_a_network():
    network = build_graph(detector()).eval()
    assert isinstance(network, DarknetGraph)
    assert network.num_classes == 2
    assert [(level.stride, level.anchors) for level in network.levels] == [(4, ANCHORS), (2, ANCHORS)]
    for mode in (network.eval(), network.train()):
        maps = mode(torch.rand(2, 3, 32, 64))
        assert [tuple(m.shape) for m in maps] == [(2, 2, 8, 16, 7), (2, 2, 16, 32, 7)]
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.rand(1, 3, 30, 32))


def test_a_batch_of_two_is_two_batches_of_one():
    network = build_graph(detector()).eval()
    images = torch.rand(2, 3, 32, 32)
    both, first, second = network(images), network(images[:1]), network(images[1:])
    for together, *alone in zip(both, first, second):
        torch.testing.assert_close(together, torch.cat(alone))


def test_heads_start_calm():
    network = build_graph(detector(classes=3))
    for maps in network(torch.rand(1, 3, 64, 64)):
        assert maps[..., 4].sigmoid().mean().item() == pytest.approx(0.01, rel=0.3)
        assert maps[..., 5:].sigmoid().mean().item() == pytest.approx(0.25, rel=0.3)


def test_outputs_are_let_go_when_nobody_needs_them():
    layers = [convolution(i - 1, 4) for i in range(20)]
    layers += [convolution(19, 14, 1, activation="linear", batch_normalise=False)]
    layers += [plans.YoloPlan(sources=(20,), anchors=ANCHORS, num_classes=2)]
    network = DarknetGraph(NetworkPlan((3, 32, 32), tuple(layers))).eval()
    made: list[weakref.ref] = []
    alive: list[int] = []

    def watch(module, inputs, output):
        alive.append(sum(ref() is not None for ref in made))
        made.append(weakref.ref(output))

    for layer in network.layers:
        layer.register_forward_hook(watch)
    with torch.no_grad():
        network(torch.rand(1, 3, 32, 32))
    assert max(alive) <= 1


def test_dropout_changes_what_later_layers_read_as_in_darknet():
    layers = (
        convolution(-1, 4, 1, activation="linear", batch_normalise=False),
        plans.DropoutPlan(sources=(0,), probability=0.5),
        plans.RoutePlan(sources=(0,)),
        plans.RoutePlan(sources=(1,)),
        plans.RoutePlan(sources=(2, 3)),
        convolution(4, 14, 1, activation="linear", batch_normalise=False),
        plans.YoloPlan(sources=(5,), anchors=ANCHORS, num_classes=2),
    )
    network = DarknetGraph(NetworkPlan((3, 8, 8), layers)).train()
    seen = []
    network.layers[4].register_forward_hook(lambda module, inputs, output: seen.append(inputs))
    network(torch.rand(1, 3, 8, 8))
    before, after = seen[0]
    assert (after == 0).any()
    assert torch.equal(before, after)


def test_a_classifier_gives_logits():
    layers = (
        convolution(-1, 4, stride=2),
        convolution(0, 5, 1, activation="linear", batch_normalise=False),
        plans.AveragePoolPlan(sources=(1,)),
        plans.SoftmaxPlan(sources=(2,)),
        plans.CostPlan(sources=(3,)),
    )
    network = build_graph(NetworkPlan((3, 16, 16), layers)).eval()
    assert isinstance(network, DarknetClassifierGraph)
    logits = network(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 5)
    assert network.num_classes == 5
    assert not torch.allclose(logits.sum(1), torch.ones(2))


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


def test_a_detector_needs_yolo_layers_of_one_kind():
    with pytest.raises(PlanError, match="no \\[yolo\\] layer"):
        DarknetGraph(NetworkPlan((3, 32, 32), (convolution(-1, 4),)))
    with pytest.raises(PlanError, match="neither"):
        build_graph(NetworkPlan((3, 32, 32), (convolution(-1, 4),)))
    with pytest.raises(PlanError, match="do not divide"):
        build_graph(NetworkPlan((3, 66, 96), detector().layers[:7]))
    mixed = list(detector().layers)
    mixed[10] = convolution(9, 16, 1, activation="linear", batch_normalise=False)
    mixed[11] = plans.YoloPlan(sources=(10,), anchors=ANCHORS, num_classes=3)
    with pytest.raises(PlanError, match="same classes"):
        build_graph(NetworkPlan((3, 64, 96), tuple(mixed)))
    after_yolo = (*detector().layers, plans.RoutePlan(sources=(11,)))
    with pytest.raises(PlanError, match="a final layer"):
        build_graph(NetworkPlan((3, 64, 96), after_yolo))
