"""The bricks: their formulas, and the traps of their edges."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from yolov3.models.layers import (
    Conv,
    ConvResidual,
    SpatialPyramidPooling,
    StrideOneMaxPool,
    give_memory,
    initialise_convolutions,
    initialise_small,
    repeat_edges,
    scaled,
)


def filled(module: nn.Module) -> nn.Module:
    """With statistics and weights as training leaves them."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5, generator=generator) if "var" in name else tensor.normal_(generator=generator)
    return module.double().eval()


@pytest.mark.parametrize(("kernel", "stride", "out"), [(1, 1, (6, 8)), (3, 1, (6, 8)), (3, 2, (3, 4))])
def test_a_convolution_is_darknets(kernel, stride, out):
    conv = filled(Conv(3, 4, kernel, stride=stride))
    features = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    norm = conv.normalisation
    plain = functional.conv2d(features, conv.convolution.weight, stride=stride, padding=kernel // 2)
    mean, var, scale, shift = (
        t[None, :, None, None] for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    normed = (plain - mean) / (var + 1e-5).sqrt() * scale + shift
    expected = torch.where(normed > 0, normed, 0.1 * normed)
    found = conv(features)
    assert found.shape == (2, 4, *out)
    torch.testing.assert_close(found, expected)


def test_running_statistics_keep_99_hundredths_of_the_old():
    conv = Conv(3, 4, 1).train()
    features = torch.rand(2, 3, 4, 4)
    batch_mean = conv.convolution(features).mean((0, 2, 3))
    conv(features)
    torch.testing.assert_close(conv.normalisation.running_mean, 0.01 * batch_mean)


def test_a_residual_adds_its_input_and_leaves_it_whole():
    residual = filled(ConvResidual(8, 4))
    features = torch.randn(1, 8, 5, 5, dtype=torch.float64)
    before = features.clone()
    found = residual(features)
    torch.testing.assert_close(found, before + residual.widen(residual.squeeze(before)))
    assert torch.equal(features, before)


def test_pyramid_pooling_is_the_plain_pools_in_darknets_order():
    features = torch.randn(2, 3, 19, 13)
    plain = [functional.max_pool2d(features, k, stride=1, padding=k // 2) for k in (13, 9, 5)]
    assert torch.equal(SpatialPyramidPooling()(features), torch.cat((*plain, features), dim=1))


def test_pyramid_pooling_of_maps_smaller_than_its_windows():
    features = torch.randn(1, 2, 2, 1)
    pooled = SpatialPyramidPooling()(features)
    assert torch.equal(pooled[:, :2], features.amax((2, 3), keepdim=True).expand_as(features))
    assert torch.equal(pooled[:, 6:], features)


def test_stride_one_pool_sees_minus_infinity_beyond_the_edge():
    features = -torch.rand(1, 2, 4, 5) - 1  # all negative: zero padding would show
    padded = functional.pad(features, (0, 1, 0, 1), value=float("-inf"))
    assert torch.equal(StrideOneMaxPool()(features), functional.max_pool2d(padded, 2, stride=1))


@pytest.mark.parametrize(("rows", "columns"), [((0, 0), (0, 0)), ((1, 2), (0, 3)), ((4, 0), (5, 1))])
def test_edges_are_repeated(rows, columns):
    features = torch.randn(2, 3, 2, 4)
    padded = functional.pad(features, (*columns, *rows), mode="replicate")
    assert torch.equal(repeat_edges(features, rows, columns), padded)


def test_edges_of_one_cell_are_repeated():
    assert torch.equal(repeat_edges(torch.ones(1, 1, 1, 1), (1, 1), (2, 0)), torch.ones(1, 1, 3, 3))


@pytest.mark.parametrize(
    ("channels", "width", "found"), [(64, 1.0, 64), (64, 0.5, 32), (32, 0.01, 2), (48, 0.7, 34), (64, 2.0, 128)]
)
def test_channels_follow_the_width_and_never_fall_below_two(channels, width, found):
    assert scaled(channels, width) == found


def test_convolutions_start_with_hes_deviation_and_zero_biases():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(64, 256, 3), nn.BatchNorm2d(256), nn.Conv2d(256, 64, 1, bias=False))
    nn.init.constant_(network[1].weight, 3)
    initialise_convolutions(network)
    for part, fan_in in ((network[0], 64 * 9), (network[2], 256)):
        expected = math.sqrt(2 / (1 + 0.1**2) / fan_in)
        assert part.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert part.weight.mean().item() == pytest.approx(0, abs=0.1 * expected)
    assert torch.equal(network[0].bias, torch.zeros(256))
    assert torch.equal(network[1].weight, torch.full((256,), 3.0))


def test_a_network_without_memory_gets_that_of_one_that_has_it():
    def network() -> nn.Module:
        return nn.Sequential(Conv(3, 4, 3), nn.Sequential(nn.Conv2d(4, 2, 1), nn.Linear(2, 1)))

    with torch.device("meta"):
        empty = network()
        empty[0].requires_grad_(False)
        initialise_convolutions(empty)
        initialise_small(empty[1][1].weight)
    full = network()
    keys = list(empty.state_dict())
    give_memory(empty)
    assert list(empty.state_dict()) == keys == list(full.state_dict())
    assert [(value.shape, value.dtype) for value in empty.state_dict().values()] == [
        (value.shape, value.dtype) for value in full.state_dict().values()
    ]
    assert {each.requires_grad for each in empty[0].parameters()} == {False}
    assert {each.requires_grad for each in empty[1].parameters()} == {True}
    empty.load_state_dict(full.state_dict())
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(empty.eval()[0](images), full.eval()[0](images))
