"""Images that come in wrongly, made on purpose."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from yolov3.doctor.low_score.explain import explain_low_score
from yolov3.doctor.low_score.inputs import batch_statistics, other_sizes


def first_convolution(network: nn.Module) -> nn.Conv2d:
    return next(part for part in network.modules() if isinstance(part, nn.Conv2d))


def scaled(factor: float):
    def change(network: nn.Module) -> None:
        first_convolution(network).weight.data.mul_(factor)

    return change


def forget_statistics(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()


@pytest.mark.parametrize(
    ("change", "kind", "words", "fix"),
    [
        (scaled(1 / 255), "pixel range", "from 0 to 255", "by 255"),
        (scaled(255), "pixel range", "divided by 255 twice", "divide the weights"),
        (forget_statistics, "batch norm", "running statistics", "running mean"),
    ],
)
def test_networks_that_want_other_inputs(model, data, spoilt, change, kind, words, fix):
    explanation = explain_low_score(spoilt(model, change), data, device="cpu")
    assert explanation.best is not None and explanation.best.kind == kind, explanation.verdict
    assert words in explanation.best.words and fix in explanation.best.fix
    assert explanation.baseline < 0.5 < 0.9 < explanation.best.ap50


@pytest.mark.parametrize(
    ("fitting", "kind", "fix"),
    [
        ({"fit": "stretch"}, "fit", "--fit letterbox (in a .cfg: letter_box=1 in [net])"),
        ({"size": (256, 256)}, "size", "--imgsz 128 128"),
    ],
)
def test_images_fitted_in_another_way(model, data, spoilt, fitting, kind, fix):
    explanation = explain_low_score(spoilt(model, **fitting), data, device="cpu")
    assert explanation.best is not None and explanation.best.kind == kind, explanation.verdict
    assert fix in explanation.best.fix and explanation.best.ap50 > 0.9


def test_the_statistics_are_the_batchs_and_leave_no_trace(model):
    network = copy.deepcopy(model.network)
    images = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    training = copy.deepcopy(network)
    for part in training.modules():
        part.training = isinstance(part, nn.BatchNorm2d)
    before = {name: values.clone() for name, values in network.named_buffers()}
    with torch.no_grad():
        plain = network(images)
        with batch_statistics(network):
            there = network(images)
        again, expected = network(images), training(images)
    for ours, theirs in zip(there, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert all(torch.equal(first, second) for first, second in zip(plain, again, strict=True))
    assert not torch.allclose(plain[0], there[0])
    after = dict(network.named_buffers())
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)


def test_statistics_come_back_after_an_interruption(model):
    network = copy.deepcopy(model.network)
    with pytest.raises(KeyboardInterrupt), batch_statistics(network):
        raise KeyboardInterrupt
    assert all(part.running_mean is not None for part in network.modules() if isinstance(part, nn.BatchNorm2d))


def test_other_sizes():
    assert other_sizes((416, 416), 32) == [(320, 320), (608, 608)]
    assert other_sizes((608, 608), 32) == [(320, 320), (416, 416)]
    assert other_sizes((128, 128), 32) == [(64, 64), (256, 256)]
    assert other_sizes((320, 640), 32) == [(160, 320), (192, 416), (320, 608), (640, 1280)]
    assert other_sizes((416, 416), 64) == [(320, 320), (384, 384), (640, 640)]
    assert other_sizes((32, 32), 32) == [(64, 64)]
