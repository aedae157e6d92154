"""Starting a network from the weights of another that knows other classes.

All tensors that fit are taken. A head's last layer has a row of weights for each anchor's box, objectness and classes:
box and objectness are taken as they are, each class's row from the class of the same name, and a class that the source
does not know keeps the row it was initialised with. The report says of every tensor what became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from yolov3.class_names import class_key
from yolov3.errors import UserError
from yolov3.formats.darknet import read_darknet
from yolov3.formats.darknet_weights import (
    DarknetNetwork,
    inspect_weights,
    layers_covered,
    plan_of,
    read_weights,
    stored_tensors,
)
from yolov3.models import Darknet53Classifier, YOLOv3
from yolov3.models.darknet_graph import DarknetClassifierGraph, DarknetGraph
from yolov3.models.darknet_layers import DarknetConvolution
from yolov3.models.head import BOX_AND_OBJECTNESS

Outcome = Literal["taken", "partly taken", "initialised"]
OUTCOMES: tuple[Outcome, ...] = ("taken", "partly taken", "initialised")

SMALLEST_SHARE = 0.25
"""Of the layers: a classifier's backbone is two thirds of a detector."""


@dataclass(frozen=True)
class TransferRow:
    """What became of one tensor: of its ``rows`` (its first dimension) so many were taken, the others kept their
    initial values."""

    tensor: str
    rows_taken: int
    rows: int

    @property
    def outcome(self) -> Outcome:
        if self.rows_taken == self.rows:
            return "taken"
        return "partly taken" if self.rows_taken else "initialised"


@dataclass(frozen=True)
class TransferReport:
    """What a network was started from: a row per tensor of the network, the classes whose rows were taken and those
    that start anew, and the source's tensors that found no place."""

    source: str
    rows: tuple[TransferRow, ...]
    classes_taken: tuple[str, ...]
    classes_new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """A table of the network's parts: how many of their tensors were taken, and what became of the classes."""
        parts: dict[str, Counter[Outcome]] = {}
        for row in self.rows:
            parts.setdefault(row.tensor.partition(".")[0], Counter())[row.outcome] += 1
        width = max(len(part) for part in (*parts, "part"))
        lines = [f"started from {self.source}", f"  {'part':<{width}}  {'  '.join(OUTCOMES)}"]
        for part, counts in parts.items():
            numbers = (f"{counts[outcome]:>{len(outcome)}}" for outcome in OUTCOMES)
            lines.append(f"  {part:<{width}}  {'  '.join(numbers)}")
        if self.classes_taken:
            lines.append(f"  classes taken: {', '.join(self.classes_taken)}")
        if self.classes_new:
            lines.append(f"  classes that start anew: {', '.join(self.classes_new)}")
        return "\n".join(lines)


def transfer_weights(
    network: nn.Module,
    weights: Mapping[str, Tensor],
    *,
    names: Sequence[str],
    source_names: Sequence[str],
    source: str,
) -> TransferReport:
    """Take into ``network``, whose classes are ``names``, what fits of a state dict of the classes ``source_names``.

    A source without names gives class rows only to a network with as many classes, by their number. Raises
    UserError, and changes nothing, when fewer than SMALLEST_SHARE of the layers fit.
    """
    heads = _head_tensors(network)
    fresh = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    pairs = _matching_classes(names, source_names)
    if not source_names and all(name in weights and weights[name].shape == fresh[name].shape for name in heads):
        pairs = [(label, label) for label in range(len(names))]
    rows = []
    for name, tensor in fresh.items():
        given = weights.get(name)
        if given is not None and name in heads:
            counts = (len(names), len(source_names))
            taken = _take_head_rows(tensor, given, anchors=heads[name], counts=counts, pairs=pairs)
        elif given is not None and given.shape == tensor.shape:
            tensor.copy_(given.detach())
            taken = _rows(tensor)
        else:
            taken = 0
        rows.append(TransferRow(name, taken, _rows(tensor)))
    layers = [row for row in rows if fresh[row.tensor].ndim > 1]
    fitting = sum(row.rows_taken > 0 for row in layers)
    # A few layers of any two networks are alike by chance.
    if fitting < SMALLEST_SHARE * len(layers):
        raise UserError(f"{source}: weights of another network: {fitting} of this one's {len(layers)} layers fit")
    network.load_state_dict(fresh)
    heads_taken = any(row.rows_taken for row in rows if row.tensor in heads)
    known = {label for label, _ in pairs} if heads_taken else set()
    return TransferReport(
        source=source,
        rows=tuple(rows),
        classes_taken=tuple(name for label, name in enumerate(names) if label in known),
        classes_new=tuple(name for label, name in enumerate(names) if label not in known),
        unused=tuple(name for name in weights if name not in fresh),
    )


def start_from_darknet(
    network: DarknetNetwork, path: str | Path, *, names: Sequence[str], cfg_path: str | Path | None = None
) -> TransferReport:
    """Start a network whose classes are ``names`` from a ``.weights`` file: a backbone cut off where a layer ends
    (``darknet53.conv.74``), or a whole model, with its ``.cfg`` and ``.names``, of the same or other classes.

    Raises UserError, and changes nothing, when the file belongs to no network like this one.
    """
    file = inspect_weights(path)
    if cfg_path is None and _is_backbone(path, network):
        report = read_weights(path, network, allow_cut=True)
        assert report.ended_before is not None
        filled = {
            tensor.data_ptr()
            for number, tensors in stored_tensors(network, report.header)
            if number < report.ended_before
            for tensor in tensors
        }
        rows = [
            TransferRow(name, _rows(tensor) if tensor.data_ptr() in filled else 0, _rows(tensor))
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        ]
        return TransferReport(str(file.path), tuple(rows), (), tuple(names), ())
    model = read_darknet(path, cfg_path)
    return transfer_weights(
        network, model.network.state_dict(), names=names, source_names=model.names, source=str(file.path)
    )


def _is_backbone(path: str | Path, network: DarknetNetwork) -> bool:
    try:
        report = layers_covered(inspect_weights(path), plan_of(network), allow_cut=True)
    except UserError:
        return False
    return report.ended_before is not None


def _head_tensors(network: nn.Module) -> dict[str, int]:
    """Names of the tensors with a row per class, and how many anchors share them (0: one row per class, no boxes)."""
    if isinstance(network, YOLOv3):
        parts = {f"heads.{i}.predict": len(level.anchors) for i, level in enumerate(network.levels)}
    elif isinstance(network, Darknet53Classifier):
        parts = {"classify": 0}
    elif isinstance(network, DarknetGraph):
        parts = {f"layers.{y.sources[0]}.convolution": len(y.anchors) for _, y in network.plan.yolo_layers}
    elif isinstance(network, DarknetClassifierGraph):
        numbers = [i for i, layer in enumerate(network.layers) if isinstance(layer, DarknetConvolution)]
        parts = {f"layers.{numbers[-1]}.convolution": 0} if numbers else {}
    else:
        raise TypeError(f"the heads of a {type(network).__name__} are not known")
    return {f"{part}.{kind}": anchors for part, anchors in parts.items() for kind in ("weight", "bias")}


def _matching_classes(names: Sequence[str], source_names: Sequence[str]) -> list[tuple[int, int]]:
    """(our label, the source's label) of the classes that both know."""
    by_name = {name: label for label, name in reversed(list(enumerate(source_names)))}
    by_key = {class_key(name): label for label, name in reversed(list(enumerate(source_names)))}
    found = ((label, by_name.get(name, by_key.get(class_key(name)))) for label, name in enumerate(names))
    return [(label, other) for label, other in found if other is not None]


def _take_head_rows(
    tensor: Tensor,
    given: Tensor,
    *,
    anchors: int,
    counts: tuple[int, int],
    pairs: Sequence[tuple[int, int]],
) -> int:
    """Copy what fits of a head's rows into ``tensor``; how many rows. ``counts``: classes of ours, of the source (0:
    unknown)."""
    groups, fixed = (anchors, BOX_AND_OBJECTNESS) if anchors else (1, 0)
    if given.shape[1:] != tensor.shape[1:] or len(given) % groups or len(tensor) % groups:
        return 0
    own = tensor.view(groups, -1, *tensor.shape[1:])
    other = given.detach().reshape(groups, -1, *given.shape[1:])
    num_own, num_other = own.shape[1] - fixed, other.shape[1] - fixed
    if num_own != counts[0] or num_other != (counts[1] or num_other) or num_other < 1:
        return 0
    own[:, :fixed] = other[:, :fixed]
    for label, source_label in pairs:
        own[:, fixed + label] = other[:, fixed + source_label]
    return groups * (fixed + len(pairs))


def _rows(tensor: Tensor) -> int:
    return len(tensor) if tensor.ndim else 1
