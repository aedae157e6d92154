"""What a loaded model is, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from yolov3.formats.description import input_in_words
from yolov3.graphs.facts import GraphFacts
from yolov3.models.contract import DetectionNetwork, require_detector
from yolov3.structures import Level, ModelMeaning, Preprocessing


class DescribedModel:
    """What is known of a model, whatever computes it: its meaning, the file it came from (``source``), one line for people
    (``description``), and the resolved settings it was trained with, as plain values, where the file knows them."""

    meaning: ModelMeaning
    experiment: dict[str, Any] | None
    source: str
    description: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of all classes; empty where nobody knows them."""
        return self.meaning.names

    @property
    def described_without_input(self) -> str:
        """The description but for the input of its own."""
        return self.description.removesuffix(f", {input_in_words(self.meaning.preprocessing)}")

    def described_with(self, preprocessing: Preprocessing) -> str:
        """The description with the input that is used, where that is not the model's own."""
        return f"{self.described_without_input}, {input_in_words(preprocessing)}".removeprefix(", ")


@dataclass(frozen=True)
class LoadedModel(DescribedModel):
    """A network with its meaning. ``cfg`` is the ``.cfg`` that a Darknet model was read with."""

    network: nn.Module
    meaning: ModelMeaning
    experiment: dict[str, Any] | None = None
    source: str = ""
    description: str = ""
    cfg: str | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """Of the detector. Raises UserError when it is none."""
        return self.detector().levels

    def detector(self) -> DetectionNetwork:
        """The network as a detector. Raises UserError when it is none."""
        return require_detector(self.network, source=self.source, description=self.description)


@dataclass(frozen=True)
class ExportedModel(DescribedModel):
    """A graph in the file ``source``, and what it says of itself: it can be run, and no more."""

    facts: GraphFacts
    meaning: ModelMeaning
    source: str
    description: str
    experiment: dict[str, Any] | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """As the graph's facts tell them."""
        return self.facts.levels

    @property
    def path(self) -> Path:
        """Of the graph's file."""
        return Path(self.source)

    @staticmethod
    def of(path: Path, facts: GraphFacts) -> ExportedModel:
        """The graph in a file, with its facts."""
        return ExportedModel(facts, facts.meaning, str(path), facts.description)


Model = LoadedModel | ExportedModel
