"""Layers of Darknet's language: every one against a slow one, written from the conventions with plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.layers import ACTIVATIONS, build_layer


def numbers(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).normal(size=shape))


def run(plan: plans.LayerPlan, *inputs: torch.Tensor) -> np.ndarray:
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    layer = build_layer(plan, shapes).double().eval()
    with torch.no_grad():
        result = layer(*(tensor.clone() for tensor in inputs))
    assert tuple(result.shape[1:]) == plan.output_shape(shapes)
    return result.numpy()


def convolution_plan(activation: str, *, normalise: bool) -> plans.ConvolutionPlan:
    return plans.ConvolutionPlan(
        sources=(-1,), filters=4, size=3, stride=(1, 1), padding=1, activation=activation, batch_normalise=normalise
    )


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
    layer = build_layer(convolution_plan(activation, normalise=True), [(3, 8, 8)]).double()
    image = numbers(2, 3, 8, 8).requires_grad_()
    assert torch.autograd.gradcheck(layer.eval(), (image,), nondet_tol=0)


def test_a_batch_norm_on_its_own():
    features = numbers(2, 3, 4, 5)
    layer = build_layer(plans.BatchNormPlan(sources=(-1,)), [(3, 4, 5)]).double().eval()
    state = dict(zip(("weight", "bias", "running_mean", "running_var"), numbers(4, 3).abs() + 0.5))
    with torch.no_grad():
        for name, tensor in state.items():
            getattr(layer.normalisation, name).copy_(tensor)
        found = layer(features)
    scale, shift, mean, variance = (tensor[:, None, None] for tensor in state.values())
    torch.testing.assert_close(found, (features - mean) / (variance + 1e-5).sqrt() * scale + shift)


def test_a_yolo_layer_splits_the_anchors():
    plan = plans.YoloPlan(sources=(0,), anchors=((1.0, 2.0), (3.0, 4.0)), num_classes=2)
    features = numbers(2, 14, 3, 4)
    found = build_layer(plan, [(14, 3, 4)])(features)
    assert found.shape == (2, 2, 3, 4, 7)
    for anchor, entry in itertools.product(range(2), range(7)):
        assert torch.equal(found[:, anchor, :, :, entry], features[:, 7 * anchor + entry])


@pytest.mark.parametrize(
    "plan",
    [
        plans.DropoutPlan(sources=(-1,), probability=0.5),
        plans.SoftmaxPlan(sources=(-1,)),
        plans.CostPlan(sources=(-1,)),
    ],
    ids=lambda plan: type(plan).__name__,
)
def test_layers_that_change_nothing_in_use(plan):
    features = numbers(2, 3, 4, 5)
    np.testing.assert_array_equal(run(plan, features), features.numpy())


def test_dropout_drops_while_training_and_keeps_the_mean():
    torch.manual_seed(0)
    layer = build_layer(plans.DropoutPlan(sources=(-1,), probability=0.25), [(1, 100, 100)]).train()
    found = layer(torch.ones(1, 1, 100, 100))
    assert (found == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert found.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda a: plans.ShortcutPlan(sources=(0, 1), activation=a), [(4, 6, 6), (4, 6, 6)]),
        (lambda a: plans.ShortcutPlan(sources=(0, 1), activation=a), [(4, 6, 6), (2, 3, 3)]),
        (lambda a: plans.SamPlan(sources=(0, 1), activation=a), [(4, 6, 6), (4, 6, 6)]),
        (lambda a: plans.ScaleChannelsPlan(sources=(0, 1), activation=a), [(4, 1, 1), (4, 6, 6)]),
        (lambda a: convolution_plan(a, normalise=False), [(4, 6, 6)]),
        (lambda a: convolution_plan(a, normalise=True), [(4, 6, 6)]),
    ],
    ids=["shortcut", "shortcut-sizes", "sam", "scale", "bias", "norm"],
)  # fmt: skip
def test_no_activation_reaches_into_a_layers_inputs(activation, make, inputs):
    tensors = [numbers(1, *shape) for shape in inputs]
    before = [tensor.clone() for tensor in tensors]
    with torch.no_grad():
        build_layer(make(activation), inputs).double().eval()(*tensors)
    assert all(torch.equal(tensor, old) for tensor, old in zip(tensors, before))


def test_a_record_that_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="no layer is made from a LayerPlan"):
        build_layer(plans.LayerPlan(sources=(-1,)), [(3, 8, 8)])
