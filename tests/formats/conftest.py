"""What the tests of files share: networks whose every number means something."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@pytest.fixture
def fill() -> Callable[..., nn.Module]:
    """Gives all weights and statistics of a network random values, as a training might have left them, and puts it in
    evaluation mode."""

    def filled(network: Network, seed: int = 0) -> Network:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if not tensor.is_floating_point():
                    continue
                if "var" in name:
                    tensor.uniform_(0.5, 1.5, generator=generator)
                else:
                    tensor.normal_(std=0.1, generator=generator)
                    if name.endswith("normalisation.weight"):
                        tensor += 1
        return network.eval()

    return filled
