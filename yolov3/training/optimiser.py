"""Stochastic gradient descent as Darknet does it, and the learning rate as a pure function of the step.

Source: Darknet's update_convolutional_layer (weight decay on convolution weights only, momentum without dampening) and
get_current_rate (burn-in by a power, the first update counts as step 1); cosine after Loshchilov and Hutter 2017.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from yolov3.config.learning import OptimiserSection


def make_optimiser(network: nn.Module, settings: OptimiserSection) -> torch.optim.SGD:
    """SGD over the network's parameters; biases and norms decay too only if ``decay_everything`` says so."""
    decaying: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for part in network.modules():
        for name, parameter in part.named_parameters(recurse=False):
            decays = name == "weight" and isinstance(part, nn.Conv2d | nn.Linear)
            (decaying if decays else plain).append(parameter)
    groups = [
        {"params": decaying, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": settings.weight_decay if settings.decay_everything else 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, nesterov=settings.nesterov)


def learning_rate_factor(step: int, *, total_steps: int, warmup_steps: int, settings: OptimiserSection) -> float:
    """What the learning rate is multiplied by in the update number ``step``, counted from 0."""
    number = step + 1
    if number < warmup_steps:
        return (number / warmup_steps) ** settings.warmup_power
    if settings.schedule == "cosine":
        progress = min(1.0, (number - warmup_steps) / max(1, total_steps - warmup_steps))
        return settings.final_ratio + (1 - settings.final_ratio) * (1 + math.cos(math.pi * progress)) / 2
    if settings.schedule == "steps":
        return settings.step_factor ** sum(number >= share * total_steps for share in settings.steps)
    return 1.0


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Let every group learn at this rate from the next step on."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
