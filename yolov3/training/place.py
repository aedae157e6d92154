"""Where and how the arithmetic of a run happens."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from yolov3.config.experiment import TrainSection
from yolov3.machine.device import normalised, select_device, select_precision
from yolov3.processes.world import World


@dataclass(frozen=True)
class Place:
    """The device of this process, the type in which networks compute, their memory layout, and the processes that compute
    together."""

    device: torch.device
    precision: torch.dtype
    channels_last: bool = True
    world: World = field(default_factory=World)

    @staticmethod
    def of(settings: TrainSection, world: World) -> Place:
        """The place that the settings name. Raises UserError for one that this machine does not have."""
        device = select_device(world.device_text(settings.device))
        return Place(device, select_precision(settings.precision, device), settings.channels_last, world)

    def network(self, network: nn.Module) -> nn.Module:
        """The network moved here."""
        network = network.to(self.device)
        return network.to(memory_format=torch.channels_last) if self.channels_last else network

    def images(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), uint8 or float32 in [0, 1], moved here as float32 in [0, 1]."""
        moved = normalised(images, self.device)
        return moved.contiguous(memory_format=torch.channels_last) if self.channels_last else moved

    def __str__(self) -> str:
        together = f", {self.world.size} processes" if self.world.size > 1 else ""
        return f"{self.device} in {str(self.precision).removeprefix('torch.')}{together}"
