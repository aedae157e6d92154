"""The exponential moving average of a network's weights: what is evaluated and shipped.

The average of the last steps is calmer than the last step (Polyak and Juditsky 1992; +2 AP together with a larger batch
in PP-YOLO). Batch norm statistics are averaged too. Kept in float32.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """Holds ``network``, a copy whose tensors follow those of the trained one.

    The decay grows with the number of updates n as (1 + n) / (10 + n) up to ``decay``: the average spans the last ninth
    of a young run, so that the random start is soon forgotten whether the run has hundreds or millions of steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average a step towards ``network``'s present tensors."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averaged, current = _float_tensors(self.network), _float_tensors(network)
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def restore(self, weights: dict[str, Tensor], updates: int) -> None:
        """Go on from stored weights of ``network`` that followed so many updates."""
        self.network.load_state_dict(weights)
        self.updates = updates


def _float_tensors(network: nn.Module) -> list[Tensor]:
    # Counters of batch norm (integers) do not matter to evaluation and stay behind.
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
