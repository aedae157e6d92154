"""Darknet's ``.weights``: a small header, then every layer's numbers as little-endian float32, without names.

Per convolution, in the order of the ``.cfg``: batch norm's shift, scale, mean and variance, then the kernel; without
batch norm: bias, kernel. As nothing in the file says where a layer begins, the count of numbers is what proves that
file and network belong together: all of them, or all up to the end of some layer (a backbone cut off there), and
nothing else. Numbers that are not finite are kept as they are and reported.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.header import LONGEST, DarknetHeader
from yolov3.darknet.layers import DarknetBatchNorm, DarknetConvolution
from yolov3.darknet.native import native_convolutions, native_plan
from yolov3.darknet.plan import BatchNormPlan, NetworkPlan
from yolov3.darknet.trace import stored_layers
from yolov3.errors import UserError
from yolov3.files.atomic import write_atomically
from yolov3.files.kinds import kind_of_file
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.layers import Conv
from yolov3.models.yolov3 import YOLOv3

logger = logging.getLogger(__name__)

DarknetNetwork = YOLOv3 | Darknet53Classifier | DarknetGraph | DarknetClassifierGraph

FLOAT_BYTES = 4
KNOWN_COUNTS = {
    62_001_757: "yolov3.weights (80 classes)",
    8_858_734: "yolov3-tiny.weights (80 classes)",
    63_052_381: "yolov3-spp.weights (80 classes)",
    61_678_657: "yolov3-voc.weights (20 classes)",
    64_807_342: "yolov3-openimages.weights (601 classes)",
    9_009_967: "yolov3-tiny_3l.weights (80 classes)",
    41_645_640: "darknet53.weights (the classifier)",
    40_620_640: "darknet53.conv.74 (a backbone)",
    7_743_344: "yolov3-tiny.conv.15 (a backbone)",
}
"""Numbers in the published files."""

_ANY_SIZE = (416, 416)  # the count does not depend on it


@dataclass(frozen=True)
class WeightsReport:
    """What was read: the header, how many numbers, and how far: ``ended_before`` is the first layer with weights that
    the file does not reach, None when it holds them all."""

    header: DarknetHeader
    count: int
    ended_before: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightsFile:
    """A file whose header made sense: ``count`` float32 numbers follow it."""

    path: Path
    header: DarknetHeader
    count: int

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.header.size + FLOAT_BYTES * self.count


def inspect_weights(path: str | Path) -> WeightsFile:
    """The header and the count of numbers of a ``.weights`` file. Raises UserError for what cannot be one."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(LONGEST)
            size = stream.seek(0, 2)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    kind = kind_of_file(start)
    header = DarknetHeader.unpack(start) if kind is None else None
    if header is None:
        raise UserError(f"{path}: not a Darknet .weights file ({kind or 'no such header'})")
    count, rest = divmod(size - header.size, FLOAT_BYTES)
    if rest:
        raise UserError(f"{path}: {size} bytes are no whole number of float32 values: the file is cut off")
    return WeightsFile(path, header, count)


def layers_covered(file: WeightsFile, plan: NetworkPlan, *, allow_cut: bool = False) -> WeightsReport:
    """How far a file's numbers reach in a network. Raises UserError unless they end exactly where the network does, or
    with ``allow_cut`` where one of its layers does."""
    counts = _stored_counts(plan, file.header)
    reached = 0
    for number, count in counts:
        if reached == file.count and reached:
            if not allow_cut:
                raise UserError(
                    f"{file.path}: holds the layers before layer {number} of {len(plan.layers)} only: a backbone to "
                    f"start a training from, not a whole model"
                )
            return WeightsReport(file.header, file.count, number)
        if reached + count > file.count:
            total = sum(count for _, count in counts)
            inside = f"it would end inside layer {number}" if file.count else "nothing follows the header"
            raise UserError(f"{_mismatch(file, plan, total)} ({inside})")
        reached += count
    if reached != file.count:
        raise UserError(_mismatch(file, plan, reached))
    return WeightsReport(file.header, file.count, None)


def read_weights(path: str | Path, network: DarknetNetwork, *, allow_cut: bool = False) -> WeightsReport:
    """Fill a network from a ``.weights`` file. With ``allow_cut`` the file may end where a layer ends; what lies beyond
    keeps its values. Raises UserError, and changes nothing, when the counts do not fit."""
    file = inspect_weights(path)
    report = layers_covered(file, plan_of(network), allow_cut=allow_cut)
    warnings = []
    with file.path.open("rb") as stream, torch.no_grad():
        stream.seek(file.header.size)
        for number, tensors in stored_tensors(network, file.header):
            if number == report.ended_before:
                break
            for tensor in tensors:
                tensor.copy_(_read_tensor(stream, tensor, file.path))
            warnings += [f"{file.path}: layer {number}: {fault}" for fault in _faults(tensors)]
    for warning in warnings[:3]:
        logger.warning("%s", warning)
    return WeightsReport(report.header, report.count, report.ended_before, tuple(warnings))


def write_weights(
    path: str | Path, network: DarknetNetwork, *, header: DarknetHeader | None = None, layers: int | None = None
) -> None:
    """Write a network's weights, or with ``layers`` those of the layers before that number (74 makes a
    ``darknet53.conv.74`` of YOLOv3). Raises UserError when the file cannot be written; an old one is whole then."""
    header = header or DarknetHeader()
    start = header.pack()

    def write(stream: object) -> None:
        assert hasattr(stream, "write")
        stream.write(start)
        for number, tensors in stored_tensors(network, header):
            if layers is not None and number >= layers:
                break
            for tensor in tensors:
                stream.write(tensor.detach().cpu().float().contiguous().numpy().astype("<f4", copy=False).tobytes())

    write_atomically(Path(path), write)


def darknet_network(network: nn.Module) -> DarknetNetwork:
    """A network as one that has a plan in Darknet's language, which all of ours are."""
    if not isinstance(network, DarknetNetwork):
        raise TypeError(f"a {type(network).__name__} has no plan in Darknet's language")
    return network


def plan_of(network: DarknetNetwork) -> NetworkPlan:
    """The plan of a network, ours or a graph."""
    if isinstance(network, DarknetGraph | DarknetClassifierGraph):
        return network.plan
    return native_plan(network, _ANY_SIZE)


def stored_tensors(network: DarknetNetwork, header: DarknetHeader) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """(layer number, its tensors in the order of the file) of every layer with weights."""
    if isinstance(network, DarknetGraph | DarknetClassifierGraph):
        for number, module in enumerate(network.layers):
            if isinstance(module, DarknetConvolution | DarknetBatchNorm):
                yield number, _tensors(module, header)
    else:
        for number, module in native_convolutions(network).items():
            yield number, _tensors(module, header)


def _tensors(module: nn.Module, header: DarknetHeader) -> tuple[Tensor, ...]:
    if isinstance(module, nn.Conv2d | nn.Linear):
        assert module.bias is not None
        return (module.bias, module.weight)
    assert isinstance(module, Conv | DarknetConvolution | DarknetBatchNorm)
    if isinstance(module, DarknetConvolution) and not isinstance(module.normalisation, nn.BatchNorm2d):
        return _tensors(module.convolution, header)
    norm = module.normalisation
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if isinstance(module, DarknetBatchNorm):
        statistics = (norm.weight, norm.running_mean, norm.running_var)
        return (norm.bias, *statistics) if header.from_alexey else statistics
    return (norm.bias, norm.weight, norm.running_mean, norm.running_var, module.convolution.weight)


def _stored_counts(plan: NetworkPlan, header: DarknetHeader) -> list[tuple[int, int]]:
    return [
        (number, count * 3 // 4 if isinstance(plan.layers[number], BatchNormPlan) and not header.from_alexey else count)
        for number, count in stored_layers(plan)
    ]


def _read_tensor(stream: BinaryIO, tensor: Tensor, path: Path) -> Tensor:
    numbers = np.fromfile(stream, dtype="<f4", count=tensor.numel())
    if len(numbers) != tensor.numel():
        raise UserError(f"{path}: became shorter while it was read")
    return torch.from_numpy(numbers.astype(np.float32, copy=False)).view(tensor.shape)


def _faults(tensors: tuple[Tensor, ...]) -> Iterator[str]:
    bad = sum(int((~tensor.isfinite()).sum()) for tensor in tensors)
    if bad:
        yield f"{bad} weights are not finite numbers"
    if len(tensors) == 5 and bool((tensors[3] < 0).any()):
        yield "its batch norm has a negative variance"


def _mismatch(file: WeightsFile, plan: NetworkPlan, needed: int) -> str:
    text = f"{file.path}: {file.count} numbers, but the network has {needed}: weights of another network, or cut off"
    if file.count in KNOWN_COUNTS:
        text += f"; it has the size of {KNOWN_COUNTS[file.count]}"
    elif file.header.size == 16 and file.count == needed + 1:
        text += (
            f"; a 20-byte header is marked {file.header.major}.{file.header.minor}, as some ports of Darknet write it"
        )
    classes = fitting_classes(file, plan)
    return text + (f"; it would fit {classes} classes" if classes else "")


def fitting_classes(file: WeightsFile, plan: NetworkPlan) -> int | None:
    """How many classes the network of a plan would need to have for the counts to agree, if any number does it."""
    stored = dict(_stored_counts(plan, file.header))
    surplus = file.count - sum(stored.values())
    per_class = 0
    for _, yolo in plan.yolo_layers:
        last = yolo.sources[0]
        per_class += stored.get(last, 0) // yolo.num_entries * len(yolo.anchors)
    if not per_class or surplus % per_class:
        return None
    classes = plan.yolo_layers[0][1].num_classes + surplus // per_class
    return classes if classes > 0 else None
