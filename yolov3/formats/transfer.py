"""Starting a network from the weights of another that knows other classes.

All tensors that fit are taken. A head's last layer has a row of weights for each anchor's box, objectness and classes:
box and objectness are taken as they are, each class's row from the class of the same name, and a class that the source
does not know keeps the row it was initialised with. The report says of every tensor what became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from yolov3.anchors import anchors_text
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.layers import DarknetConvolution
from yolov3.errors import UserError
from yolov3.files.class_names import class_key
from yolov3.formats.darknet_weights import (
    DarknetNetwork,
    inspect_weights,
    layers_covered,
    plan_of,
    read_weights,
    stored_tensors,
)
from yolov3.formats.model import LoadedModel
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.contract import DetectionNetwork
from yolov3.models.yolov3 import YOLOv3
from yolov3.prediction_layout import FIXED_ENTRIES

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
    that start anew, the source's tensors that found no place, and a line for each head that was not taken because its
    anchors are others than the source's."""

    source: str
    rows: tuple[TransferRow, ...]
    classes_taken: tuple[str, ...]
    classes_new: tuple[str, ...]
    unused: tuple[str, ...]
    other_anchors: tuple[str, ...] = ()

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
        lines += [f"  {line}" for line in self.other_anchors]
        return "\n".join(lines)


def transfer_weights(network: nn.Module, model: LoadedModel, *, names: Sequence[str]) -> TransferReport:
    """Take into ``network``, whose classes are ``names``, what fits of a model.

    A model without names gives class rows only to a network with as many classes, by their number. A head whose anchors
    are others than the model's is not taken: its rows mean nothing without them. Raises UserError, and changes nothing,
    when fewer than SMALLEST_SHARE of the layers fit.
    """
    weights, source_names = model.network.state_dict(), model.names
    fresh = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    heads, foreign = _head_tensors(network), _heads_of_other_anchors(network, model.network)
    pairs = _matching_classes(names, source_names)
    if not source_names and all(name in weights and weights[name].shape == fresh[name].shape for name in heads):
        pairs = [(label, label) for label in range(len(names))]
    rows = []
    for name, tensor in fresh.items():
        given = weights.get(name)
        if given is None or name.rpartition(".")[0] in foreign:
            taken = 0
        elif name in heads:
            counts = (len(names), len(source_names))
            taken = _take_head_rows(tensor, given, anchors=heads[name], counts=counts, pairs=pairs)
        elif given.shape == tensor.shape:
            tensor.copy_(given.detach())
            taken = _rows(tensor)
        else:
            taken = 0
        rows.append(TransferRow(name, taken, _rows(tensor)))
    layers = [row for row in rows if fresh[row.tensor].ndim > 1]
    taken_layers = sum(row.rows_taken > 0 for row in layers)
    # A few layers of any two networks are alike by chance.
    if taken_layers < SMALLEST_SHARE * len(layers):
        raise UserError(
            f"{model.source}: weights of another network: {taken_layers} of this one's {len(layers)} layers fit; it is "
            f"{_words_for(model, network)}"
        )
    network.load_state_dict(fresh)
    heads_taken = any(row.rows_taken for row in rows if row.tensor in heads)
    known = {label for label, _ in pairs} if heads_taken else set()
    return TransferReport(
        source=model.source,
        rows=tuple(rows),
        classes_taken=tuple(name for label, name in enumerate(names) if label in known),
        classes_new=tuple(name for label, name in enumerate(names) if label not in known),
        unused=tuple(name for name in weights if name not in fresh),
        other_anchors=tuple(foreign.values()),
    )


def _words_for(model: LoadedModel, network: nn.Module) -> str:
    """Which network a model is, and the words of an experiment that make a network like it out of what ``network`` is."""
    source = model.network
    if isinstance(source, YOLOv3):
        words = [f"model.variant={source.variant}"]
        if source.width != (network.width if isinstance(network, YOLOv3) else 1):
            words.append(f"model.width={source.width:g}")
        wide = "" if source.width == 1 else f" x{source.width:g}"
        instead = " in place of model.cfg" if isinstance(network, DarknetGraph) else ""
        return f"{source.variant}{wide}: {' '.join(words)}{instead}"
    if not isinstance(source, DetectionNetwork):
        return f"{model.description}: a classifier, of which only a detector with the same backbone can start"
    settings = (model.experiment or {}).get("model") or {}
    cfg = model.cfg or settings.get("cfg")
    if cfg is not None:
        return f"the network of {cfg}: model.cfg={cfg}"
    written = Path(model.source).with_suffix(".weights")
    return (
        f"{model.description}: write its .cfg with yolov3 convert {model.source} {written}, then "
        f"model.cfg={written.with_suffix('.cfg')}"
    )


def transfer_backbone(network: DarknetNetwork, path: Path, *, names: Sequence[str]) -> TransferReport:
    """Take a backbone cut off where a layer ends (``darknet53.conv.74``) into a network whose classes are ``names``.
    Raises UserError, and changes nothing, when the file belongs to another network."""
    report = read_weights(path, network, allow_cut=True)
    filled = {
        tensor.data_ptr()
        for number, tensors in stored_tensors(network, report.header)
        if report.ended_before is None or number < report.ended_before
        for tensor in tensors
    }
    rows = [
        TransferRow(name, _rows(tensor) if tensor.data_ptr() in filled else 0, _rows(tensor))
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    ]
    return TransferReport(str(path), tuple(rows), (), tuple(names), ())


def is_backbone(path: Path, network: DarknetNetwork) -> bool:
    """Whether a ``.weights`` file ends where a layer of this network ends, before the last one. The network may lie on the
    meta device."""
    try:
        report = layers_covered(inspect_weights(path), plan_of(network), allow_cut=True)
    except UserError:
        return False
    return report.ended_before is not None


def _head_tensors(network: nn.Module) -> dict[str, int]:
    """Names of the tensors with a row per class, and how many anchors share them (0: one row per class, no boxes)."""
    if isinstance(network, DetectionNetwork):
        parts = {part: len(level.anchors) for part, level in zip(_head_layers(network), network.levels, strict=True)}
    elif isinstance(network, Darknet53Classifier):
        parts = {"classify": 0}
    elif isinstance(network, DarknetClassifierGraph):
        numbers = [i for i, layer in enumerate(network.layers) if isinstance(layer, DarknetConvolution)]
        parts = {f"layers.{numbers[-1]}.convolution": 0} if numbers else {}
    else:
        raise TypeError(f"the heads of a {type(network).__name__} are not known")
    return {f"{part}.{kind}": anchors for part, anchors in parts.items() for kind in ("weight", "bias")}


def _head_layers(network: nn.Module) -> list[str]:
    """The name of each level's last convolution."""
    if isinstance(network, YOLOv3):
        return [f"heads.{number}.predict" for number in range(len(network.levels))]
    if isinstance(network, DarknetGraph):
        return [f"layers.{layer.sources[0]}.convolution" for _, layer in network.plan.yolo_layers]
    return []


def _heads_of_other_anchors(network: nn.Module, source: nn.Module) -> dict[str, str]:
    """The heads of a network whose anchors are others than those of the source's head of that name, each with a line
    that says so."""
    if not (isinstance(network, DetectionNetwork) and isinstance(source, DetectionNetwork)):
        return {}
    levels = dict(zip(_head_layers(source), source.levels, strict=True))
    return {
        name: f"the head of stride {level.stride} starts anew: its anchors are {anchors_text(level.anchors)}, those of the "
        f"weights {anchors_text(levels[name].anchors)}"
        for name, level in zip(_head_layers(network), network.levels, strict=True)
        if name in levels and levels[name].anchors != level.anchors
    }


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
    groups, fixed = (anchors, FIXED_ENTRIES) if anchors else (1, 0)
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
