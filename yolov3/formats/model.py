"""What a loaded model is, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from yolov3.formats.description import input_in_words
from yolov3.models.contract import DetectionNetwork, require_detector
from yolov3.structures import ModelMeaning, Preprocessing


@dataclass(frozen=True)
class LoadedModel:
    """A network with its meaning. ``experiment`` holds the resolved settings it was trained with, as plain values,
    where the file knows them; ``source`` is the file, ``description`` one line for people, ``cfg`` the ``.cfg`` that a
    Darknet model was read with."""

    network: nn.Module
    meaning: ModelMeaning
    experiment: dict[str, Any] | None = None
    source: str = ""
    description: str = ""
    cfg: str | None = None

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

    def detector(self) -> DetectionNetwork:
        """The network as a detector. Raises UserError when it is none."""
        return require_detector(self.network, source=self.source, description=self.description)
