"""The optimiser against Darknet's update written out, and the learning rate against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from yolov3.config.learning import OptimiserSection
from yolov3.training.optimiser import learning_rate_factor, make_optimiser, set_learning_rate


def decay_of(parameter, optimiser):
    return [g["weight_decay"] for g in optimiser.param_groups if any(parameter is other for other in g["params"])]


def test_biases_and_norms_decay_only_when_asked():
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=True), nn.BatchNorm2d(4), nn.Linear(4, 2))
    convolution, norm, linear = network
    for everything, decay in ((False, 0.0), (True, 0.1)):
        optimiser = make_optimiser(network, OptimiserSection(weight_decay=0.1, decay_everything=everything))
        assert decay_of(convolution.weight, optimiser) == decay_of(linear.weight, optimiser) == [0.1]
        for parameter in (convolution.bias, norm.weight, norm.bias, linear.bias):
            assert decay_of(parameter, optimiser) == [decay]


@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_are_darknets_written_out(nesterov):
    """v = momentum v + gradient + decay w; w = w - rate v, or a step further along v with Nesterov's look ahead."""
    rate, momentum, decay = 0.1, 0.9, 0.01
    network = nn.Linear(1, 1)
    settings = OptimiserSection(learning_rate=rate, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    optimiser = make_optimiser(network, settings)
    values = [[network.weight.item(), 0.0, decay], [network.bias.item(), 0.0, 0.0]]
    for step in range(5):
        for value, gradient in zip(values, (step + 1.0, -2.0)):
            slope = gradient + value[2] * value[0]
            value[1] = momentum * value[1] + slope
            value[0] -= rate * (slope + momentum * value[1] if nesterov else value[1])
        network.weight.grad, network.bias.grad = torch.full((1, 1), step + 1.0), torch.tensor([-2.0])
        optimiser.step()
        assert [network.weight.item(), network.bias.item()] == pytest.approx([v[0] for v in values], rel=1e-5)


def test_the_rate_is_set_for_all_groups():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    optimiser = make_optimiser(network, OptimiserSection(learning_rate=0.5))
    set_learning_rate(optimiser, 0.125)
    assert [group["lr"] for group in optimiser.param_groups] == [0.125, 0.125]


def factor(step, **changes):
    return learning_rate_factor(step, total_steps=100, warmup_steps=10, settings=OptimiserSection(**changes))


def test_warm_up_is_the_fourth_power_and_counts_the_first_update_as_one():
    assert factor(0) == pytest.approx(1e-4)
    assert factor(4) == pytest.approx(0.5**4)
    assert factor(4, warmup_power=1.0) == pytest.approx(0.5)
    assert factor(9) == 1.0  # the tenth update is the first at the full rate


@pytest.mark.parametrize("schedule", ["cosine", "steps", "constant"])
def test_without_warm_up_the_first_step_has_about_the_full_rate(schedule):
    settings = OptimiserSection(schedule=schedule, final_ratio=0.0)
    first = learning_rate_factor(0, total_steps=1000, warmup_steps=0, settings=settings)
    assert first == pytest.approx(1.0, abs=1e-4)


def test_the_cosine_goes_from_one_through_the_middle_to_the_final_ratio():
    assert factor(9, final_ratio=0.2) == 1.0
    assert factor(54, final_ratio=0.2) == pytest.approx(0.6)
    assert factor(99, final_ratio=0.2) == pytest.approx(0.2)
    assert factor(150, final_ratio=0.2) == pytest.approx(0.2)


def test_a_run_of_nothing_but_warm_up_is_possible():
    settings = OptimiserSection(final_ratio=0.5)
    found = [learning_rate_factor(step, total_steps=4, warmup_steps=4, settings=settings) for step in range(4)]
    assert found == pytest.approx([(1 / 4) ** 4, (2 / 4) ** 4, (3 / 4) ** 4, 1.0])


def test_steps_are_taken_when_the_update_is_reached():
    steps = [factor(step, schedule="steps", steps=(0.8, 0.9)) for step in (78, 79, 88, 89)]
    assert steps == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert factor(79, schedule="steps", steps=(0.8, 0.9), step_factor=0.5) == 0.5
    assert factor(99, schedule="constant") == 1.0
