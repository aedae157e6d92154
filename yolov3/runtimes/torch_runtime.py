"""A network computed by PyTorch: device, precision, synchronisation, and what is done when memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from yolov3.codec import RawPredictions
from yolov3.errors import UserError
from yolov3.machine.device import mixed_precision, normalised
from yolov3.machine.memory import GIB, free_memory
from yolov3.models.contract import DetectionNetwork

LARGE = GIB
"""Bytes from which on it is asked whether they are there."""


@dataclass(frozen=True)
class TorchRuntime:
    """``network`` as it lies on ``place``, computing in ``kind``. While it computes the network is in evaluation mode;
    afterwards each of its parts is in the mode it had. A batch that memory does not hold is computed in halves; on a CPU
    a batch is computed in parts as large as keep its cores busy."""

    network: DetectionNetwork
    place: torch.device
    kind: torch.dtype = torch.float32

    @staticmethod
    def of(network: DetectionNetwork, place: torch.device, kind: torch.dtype) -> TorchRuntime:
        """The network moved there, in the memory layout that computes fastest."""
        return TorchRuntime(network.to(place).to(memory_format=torch.channels_last).eval(), place, kind)

    @property
    def name(self) -> str:
        return "torch"

    @property
    def num_classes(self) -> int:
        return self.network.num_classes

    @property
    def device(self) -> str:
        return str(self.place)

    @property
    def precision(self) -> str:
        return str(self.kind).removeprefix("torch.")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> RawPredictions:
        if self.place.type == "cpu" and len(images) > images_at_once():
            return RawPredictions.join([self._held(part) for part in images.split(images_at_once())])
        return self._held(images)

    def _held(self, images: Tensor) -> RawPredictions:
        """Predictions for as many images at once as memory holds."""
        shortage = self._shortage(images) if self.place.type == "cpu" else ""
        if shortage and len(images) > 1:
            return self._halved(images)
        if shortage:
            raise UserError(f"{_size_of(images)} {shortage}; use a smaller input (--imgsz)")
        try:
            with evaluation_mode(self.network):
                predictions = self._compute(images)
            if self.place.type == "cuda":  # so that a clock sees this stage's time and not the next one's
                torch.cuda.synchronize(self.place)
        except torch.OutOfMemoryError as error:
            if len(images) > 1:
                return self._halved(images)
            raise UserError(
                f"{self.place} has not enough memory for one {_size_of(images)}; use a smaller input (--imgsz)"
            ) from error
        return predictions

    def _halved(self, images: Tensor) -> RawPredictions:
        return RawPredictions.join([self._held(half) for half in images.split(-(-len(images) // 2))])

    def _shortage(self, images: Tensor) -> str:
        """What main memory lacks for these images, by the least that their first map and its normalisation take: a system
        that promises more memory than it has ends whoever believes it. Empty where nothing is known to be lacking."""
        first = next((part for part in self.network.modules() if isinstance(part, nn.Conv2d)), None)
        if first is None:
            return ""
        height, width = (side // stride for side, stride in zip(images.shape[2:], first.stride))
        least = 2 * len(images) * first.out_channels * height * width * self.kind.itemsize
        free = free_memory() if least > LARGE else None
        if free is None or least <= free:
            return ""
        return f"needs at least {least / GIB:.1f} GiB of memory, {free / GIB:.1f} GiB are free"

    def _compute(self, images: Tensor) -> RawPredictions:
        with torch.inference_mode(), mixed_precision(self.place, self.kind):
            raw = self.network(normalised(images, self.place))
        return RawPredictions(tuple(raw), self.network.levels)


def _size_of(images: Tensor) -> str:
    height, width = images.shape[2:]
    return f"image of {height}x{width}"


def images_at_once() -> int:
    """How many images a CPU computes at once: one for each core, and two at least. More make it no faster: the maps of few
    images stay in the caches, those of 16 take half a gigabyte."""
    return max(2, torch.get_num_threads())


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode; afterwards each of its parts in the mode it had (some may be frozen)."""
    learning = [part for part in network.modules() if part.training]
    for part in learning:
        part.training = False
    try:
        yield
    finally:
        for part in learning:
            part.training = True
