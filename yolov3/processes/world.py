"""Several processes as one run: who is who, and what they have to agree on.

torchrun starts the processes and tells each its place by environment variables; a single process is a world of one, for
which everything here does nothing. What ends a process ends the run: the others notice within PATIENCE and stop.
"""

from __future__ import annotations

import datetime
import gc
import inspect
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yolov3.errors import UserError

PATIENCE = datetime.timedelta(seconds=55)  # with a process that does not answer during training: said within a minute
LONG_PATIENCE = datetime.timedelta(hours=2)  # with the one that computes the metrics

_PEER_FAILURE = re.compile(r"gloo|nccl|connection (?:closed|reset|refused)|timed out", re.IGNORECASE)

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class World:
    """The place of this process: its ``rank`` of ``size``, and ``local_rank`` of ``local_size`` on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    slow_group: Any = None  # for what may take longer than PATIENCE

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def device_text(self, text: str) -> str:
        """The device that a setting means here: each process of a machine its own GPU."""
        if self.size > 1 and text in ("auto", "cuda") and torch.cuda.is_available():
            return f"cuda:{self.local_rank}"
        return text

    def parallel(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network as all processes train it together: gradients averaged."""
        if self.size == 1:
            return network
        ids = [device.index] if device.type == "cuda" else None
        # Its own exchange of buffers would leave the others waiting when one process ran out of memory midway, so
        # share_statistics does it. Torch 2.15 renamed the setting.
        renamed = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
        settings = {"forward_sync_buffers" if renamed else "broadcast_buffers": False}
        return DistributedDataParallel(network, device_ids=ids, **settings)  # type: ignore[arg-type]

    def synchronise_norms(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Batch norm over the images of all processes; torch has it on GPUs only."""
        if self.size == 1 or device.type != "cuda":
            return network
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)

    def share_statistics(self, network: nn.Module) -> None:
        """Give all processes the mean of their batch norm statistics, where the norms did not share them already."""
        if self.size == 1:
            return
        moving = [part for part in network.modules() if type(part) is nn.BatchNorm2d and part.training]
        tensors = [tensor for part in moving for tensor in (part.running_mean, part.running_var) if tensor is not None]
        if tensors:
            together = self.mean(torch.cat(tensors))
            torch._foreach_copy_(tensors, list(together.split([len(tensor) for tensor in tensors])))

    def largest(self, *values: float) -> tuple[float, ...]:
        """The largest of each value over all processes."""
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=_meeting_device())
        with _explained():
            dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return tuple(tensor.tolist())

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        with _explained():
            dist.all_reduce(total)
        return total / self.size

    def from_first(self, thing: Thing | None) -> Thing:
        """What the first process has, in all of them."""
        if self.size == 1:
            return thing  # type: ignore[return-value]  # a world of one brings its own
        box = [thing]
        with _explained():
            dist.broadcast_object_list(box, src=0, group=self.slow_group)
        return box[0]  # type: ignore[return-value]

    def gather(self, thing: Thing) -> list[Thing] | None:
        """The things of all processes, in the order of their ranks, in the first one; None in the others."""
        if self.size == 1:
            return [thing]
        things: list[Any] | None = [None] * self.size if self.is_first else None
        with _explained():
            dist.gather_object(thing, things, dst=0, group=self.slow_group)
        return things


@contextmanager
def join_world() -> Iterator[World]:
    """The world that torchrun has made, or one of a single process. Raises UserError when the others do not come."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if dist.is_initialized():
        raise AssertionError("the world is joined once")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _explained():
        store, rank, size = next(dist.rendezvous("env://", timeout=PATIENCE))
        # torchrun keeps its store over a restart, with the addresses of processes that are gone.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"attempt-{attempt}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
        slow_group = dist.new_group(backend="gloo", timeout=LONG_PATIENCE)
    try:
        world = World(rank, size, local_rank, int(os.environ.get("LOCAL_WORLD_SIZE", "1")), slow_group)
        del slow_group
        with _explained():
            yield world
    finally:
        # The threads of a group end with the last that holds it, in time only before the interpreter's own end: at that they
        # abort the process. Who keeps the world keeps no group, and networks that share gradients lie in circles.
        object.__setattr__(world, "slow_group", None)
        dist.destroy_process_group()
        gc.collect()


def _meeting_device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # torch raises plain RuntimeErrors for a connection that ended, told from others by their words only.
        if not isinstance(error, dist.DistError) and not _PEER_FAILURE.search(str(error)):
            raise
        reason = str(error).splitlines()[0][:300]
        raise UserError(
            f"rank {os.environ.get('RANK', '?')}: another process of the run has ended or does not answer ({reason}); "
            "start it again with --resume"
        ) from error
