"""Images for an export: those that int8 is fitted to, and those that a graph is proven on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov3.catalogue.opening import open_dataset
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.errors import UserError
from yolov3.evaluation.data_section import data_section_of, named_data
from yolov3.export.options import ExportOptions
from yolov3.export.quantise import MOST_IMAGES
from yolov3.formats.model import LoadedModel
from yolov3.geometry import Geometry
from yolov3.graphs.facts import GraphFacts
from yolov3.images.files import read_image
from yolov3.shapes.scene import draw_image
from yolov3.structures import Preprocessing

FEW = 8
"""Real images on which single numbers are compared."""

DRAWN = (4, (300, 400))
"""So many images of so many pixels are drawn where nobody has any."""


@dataclass(frozen=True)
class FittedImages:
    """Images of files as a graph takes them, (1, 3, H, W) each, fitted when they are asked for."""

    paths: tuple[Path, ...]
    facts: GraphFacts

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> np.ndarray:
        fitted = fit(read_image(self.paths[index]), self.facts.meaning.preprocessing)
        if self.facts.input == "float32" and fitted.dtype == np.uint8:
            fitted = fitted.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(fitted.transpose(2, 0, 1)[None])


def fit(image: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """An image (height, width, 3) fitted into the model's input (H, W, 3)."""
    return Geometry.fit((image.shape[0], image.shape[1]), preprocessing).apply_image(image)


def calibration_images(options: ExportOptions, model: LoadedModel, facts: GraphFacts) -> FittedImages:
    """At most MOST_IMAGES, spread evenly over those of the training. Raises UserError where there are none."""
    data = _dataset(options, model, options.calibrate, "train")
    if data is None:
        raise UserError(
            f"{model.source}: int8 is fitted to images, and this model does not say which it was trained with; give them with "
            f"--calibrate DATA"
        )
    paths = [sample.path for sample in data.samples]
    count = min(MOST_IMAGES, len(paths))
    chosen = [paths[index * len(paths) // count] for index in range(count)]
    return FittedImages(tuple(chosen), facts)


def labelled_images(options: ExportOptions, model: LoadedModel) -> Dataset | None:
    """What the graph is measured on: the data of --check, else the validation images of the model's training if they are
    still there. Raises UserError for data that is named and cannot be used."""
    return _dataset(options, model, options.check, "val")


def few_images(data: Dataset | None) -> Iterator[tuple[str, np.ndarray]]:
    """Some real images and their names; drawn ones where there are no others."""
    if data is not None:
        for sample in data.samples[:: max(1, len(data) // FEW)][:FEW]:
            yield str(sample.path), read_image(sample.path)
        return
    count, size = DRAWN
    generator = np.random.default_rng(0)
    for number in range(count):
        yield f"drawn image {number + 1}", draw_image(generator, size).image


def _dataset(options: ExportOptions, model: LoadedModel, named: str | Path | None, split: Split) -> Dataset | None:
    named = named_data(named, options.weights)
    section = data_section_of(model, named, options.data_changes)
    if section is None:
        return None
    try:
        return open_dataset(section, split)
    except UserError:
        if named is not None:
            raise
        return None  # it was elsewhere, on another machine; who needs it names it
