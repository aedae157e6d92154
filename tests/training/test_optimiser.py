"""The optimiser's groups, and the learning rate against numbers worked out by hand."""

from __future__ import annotations

import pytest
from torch import nn

from yolov3.config.experiment import OptimiserSection
from yolov3.training.optimiser import learning_rate_factor, make_optimiser


def decay_of(parameter, optimiser):
    return [g["weight_decay"] for g in optimiser.param_groups if any(parameter is other for other in g["params"])]


def test_biases_and_norms_decay_only_when_asked():
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=True), nn.BatchNorm2d(4))
    convolution, norm = network
    for everything, decay in ((False, 0.0), (True, 0.1)):
        optimiser = make_optimiser(network, OptimiserSection(weight_decay=0.1, decay_everything=everything))
        assert decay_of(convolution.weight, optimiser) == [0.1]
        for parameter in (convolution.bias, norm.weight, norm.bias):
            assert decay_of(parameter, optimiser) == [decay]


def factor(step, **changes):
    return learning_rate_factor(step, total_steps=100, warmup_steps=10, settings=OptimiserSection(**changes))


def test_warm_up_is_the_fourth_power_and_counts_the_first_update_as_one():
    assert factor(0) == pytest.approx(1e-4)
    assert factor(4) == pytest.approx(0.5**4)
    assert factor(9) == 1.0  # the tenth update is the first at the full rate


def test_the_cosine_goes_from_one_through_the_middle_to_the_final_ratio():
    assert factor(9, final_ratio=0.2) == 1.0
    assert factor(54, final_ratio=0.2) == pytest.approx(0.6)
    assert factor(99, final_ratio=0.2) == pytest.approx(0.2)
    assert factor(150, final_ratio=0.2) == pytest.approx(0.2)


def test_steps_are_taken_when_the_update_is_reached():
    steps = [factor(step, schedule="steps", steps=(0.8, 0.9)) for step in (78, 79, 88, 89)]
    assert steps == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert factor(99, schedule="constant") == 1.0
