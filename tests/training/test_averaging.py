"""The average of the weights against the formula written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from yolov3.training.averaging import WeightAverage


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def disturb(network: nn.Module) -> None:
    """Another step of a training: all tensors change, those of batch norm by its own doing."""
    network.train()
    network(torch.randn(2, 3, 8, 8))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.9998])
def test_it_is_the_sum_that_the_formula_says(decay):
    network = small_network()
    average = WeightAverage(network, decay)
    expected = {name: tensor.double().clone() for name, tensor in network.state_dict().items()}
    for number in range(1, 31):
        disturb(network)
        average.update(network)
        share = 1 - min(decay, (1 + number) / (10 + number))
        for name, tensor in network.state_dict().items():
            expected[name] = (1 - share) * expected[name] + share * tensor.double()
    assert average.updates == 30
    for name, tensor in average.network.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor.double(), expected[name], atol=1e-5, rtol=1e-4)


def test_the_statistics_of_batch_norm_are_averaged_too():
    network = small_network()
    average = WeightAverage(network, 0.9)
    disturb(network)
    average.update(network)
    for name in ("1.running_mean", "1.running_var"):
        first = 0.0 if name.endswith("mean") else 1.0
        expected = (2 / 11) * first + (9 / 11) * network.state_dict()[name]
        torch.testing.assert_close(average.network.state_dict()[name], expected)


def test_a_young_average_forgets_its_start_soon():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1000.0)
    average = WeightAverage(network, 0.9998)
    nn.init.zeros_(network.weight)
    for _ in range(50):
        average.update(network)
    assert average.network.weight.item() < 1e-4  # with the full decay from the start it were still 990


def test_it_is_a_network_of_its_own_that_only_answers():
    network = small_network()
    average = WeightAverage(network, 0.9)
    assert not average.network.training and not any(p.requires_grad for p in average.network.parameters())
    before = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
    disturb(network)
    assert network.training and all(p.requires_grad for p in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in average.network.state_dict().items())


def test_one_that_is_restored_goes_on_where_it_was():
    networks = [small_network() for _ in range(2)]
    whole = WeightAverage(networks[0], 0.99)
    torch.manual_seed(1)
    for _ in range(5):
        disturb(networks[0])
        whole.update(networks[0])
    again = WeightAverage(networks[1], 0.99)
    again.restore({name: tensor.clone() for name, tensor in whole.network.state_dict().items()}, whole.updates)
    disturb(networks[0])
    for average in (whole, again):
        average.update(networks[0])
    assert again.updates == 6
    for first, second in zip(whole.network.state_dict().values(), again.network.state_dict().values()):
        assert torch.equal(first, second)
