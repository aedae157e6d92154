"""What an exported graph says of itself: all that whoever runs it must know, as one JSON text in the file's metadata.

Our own programs read it, and so may strangers: its keys are documented in docs/deploy.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import index
from typing import Any, Literal, get_args

from yolov3.meaning import ModelMeaning, Size
from yolov3.structures import Level

VERSION = 1
"""Of this description. A reader refuses what it does not know instead of guessing."""

KEY = "yolov3"
"""Under which the text lies in the metadata."""

Outputs = Literal["boxes", "raw", "darknet"]
InputKind = Literal["uint8", "float32"]

MOST_CLASSES = 100_000

PRECISIONS = ("float32", "float16", "bfloat16", "int8")
"""In which a graph computes."""

INPUT_NAMES: dict[Outputs, str] = {"boxes": "images", "raw": "images", "darknet": "frame"}


class FactsError(ValueError):
    """A description that cannot be used; the message says why."""


@dataclass(frozen=True)
class InnerSuppression:
    """The thresholds of a graph that suppresses boxes itself."""

    confidence: float
    nms_threshold: float
    class_agnostic: bool
    max_detections: int

    def __post_init__(self) -> None:
        if not (0 <= self.confidence <= 1 and 0 <= self.nms_threshold <= 1 and self.max_detections >= 1):
            raise ValueError(f"a graph cannot suppress with {self}")


@dataclass(frozen=True)
class GraphFacts:
    """``meaning`` and ``levels`` are the network's; ``outputs``, ``input`` and ``suppressed`` say what goes in and comes
    out; ``precision`` in which type it computes. ``dynamic``: any batch and any size in multiples of ``stride`` go in, else
    one image of the meaning's size. ``source`` names the file it was made of, ``source_sha256`` that file's content,
    ``made_with`` the programs."""

    meaning: ModelMeaning
    levels: tuple[Level, ...]
    num_classes: int
    description: str
    outputs: Outputs = "boxes"
    input: InputKind = "uint8"
    precision: str = "float32"
    dynamic: bool = False
    suppressed: InnerSuppression | None = None
    source: str = ""
    source_sha256: str = ""
    made_with: str = ""

    @property
    def stride(self) -> int:
        """Of which the sides of an input are multiples."""
        return max(level.stride for level in self.levels)

    @property
    def size(self) -> Size:
        """(height, width) that goes in; of a dynamic graph, what the model is used with."""
        return self.meaning.preprocessing.size

    @property
    def input_name(self) -> str:
        """Of the graph's only input."""
        return INPUT_NAMES[self.outputs]

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of the graph's outputs, in their order."""
        if self.suppressed is not None:
            return ("boxes", "scores", "labels", "count")
        if self.outputs == "raw":
            return tuple(f"raw_{number}" for number in range(len(self.levels)))
        return ("confs", "boxes") if self.outputs == "darknet" else ("boxes", "objectness", "classes")

    def as_text(self) -> str:
        """The description as JSON in ASCII, which every file can hold."""
        meaning = self.meaning.as_plain()
        values = {
            "version": VERSION,
            "description": self.description,
            **meaning,
            "num_classes": self.num_classes,
            "levels": [asdict(level) for level in self.levels],
            "input": {"name": self.input_name, "kind": self.input, "layout": "NCHW", "colours": "RGB"},
            "outputs": {"kind": self.outputs, "names": list(self.output_names)},
            "precision": self.precision,
            "dynamic": self.dynamic,
            "stride": self.stride,
            "suppressed": None if self.suppressed is None else asdict(self.suppressed),
            "source": self.source,
            "source_sha256": self.source_sha256,
            "made_with": self.made_with,
        }
        return json.dumps(values, allow_nan=False)

    @staticmethod
    def from_text(text: str) -> GraphFacts:
        """What :meth:`as_text` gave. Raises FactsError for anything else."""
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise FactsError(f"its description is no JSON: {error}") from error
        version = values.get("version") if isinstance(values, dict) else None
        if version != VERSION:
            raise FactsError(f"its description is of version {version!r}; this program reads version {VERSION}")
        try:
            return _from_values(values)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise FactsError(f"its description cannot be used: {error}") from error


def _from_values(values: Mapping[str, Any]) -> GraphFacts:
    suppressed = values["suppressed"]
    outputs, kind = values["outputs"]["kind"], values["input"]["kind"]
    if outputs not in get_args(Outputs) or kind not in get_args(InputKind):
        raise ValueError(f"outputs {outputs!r} and input {kind!r} are not known")
    if values["precision"] not in PRECISIONS:
        raise ValueError(f"precision {values['precision']!r} is not known")
    facts = GraphFacts(
        meaning=ModelMeaning.from_plain(values),
        levels=tuple(
            Level(
                **{
                    **level,
                    "stride": index(level["stride"]),
                    "anchors": tuple((float(w), float(h)) for w, h in level["anchors"]),
                }
            )
            for level in values["levels"]
        ),
        num_classes=int(values["num_classes"]),
        description=str(values["description"]),
        outputs=outputs,
        input=kind,
        precision=str(values["precision"]),
        dynamic=bool(values["dynamic"]),
        suppressed=None if suppressed is None else _suppression(**suppressed),
        source=str(values["source"]),
        source_sha256=str(values["source_sha256"]),
        made_with=str(values["made_with"]),
    )
    if not facts.levels or not 1 <= facts.num_classes <= MOST_CLASSES:
        raise ValueError(f"it has {len(facts.levels)} levels and {facts.num_classes} classes")
    if facts.meaning.names and len(facts.meaning.names) != facts.num_classes:
        raise ValueError(f"it has {len(facts.meaning.names)} names and {facts.num_classes} classes")
    return facts


def _refuse_constant(text: str) -> None:
    """Python's reader takes NaN and Infinity, which are no JSON and no use here."""
    raise ValueError(f"{text} is no number")


def _suppression(confidence: Any, nms_threshold: Any, class_agnostic: Any, max_detections: Any) -> InnerSuppression:
    return InnerSuppression(float(confidence), float(nms_threshold), bool(class_agnostic), int(max_detections))
