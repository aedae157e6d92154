"""The splits of an experiment as its network learns from them: large images in tiles where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolov3.catalogue.opening import Splits
from yolov3.config.experiment import DataSection, Experiment
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.tiled import cut_into_tiles
from yolov3.structures import Size
from yolov3.tiles.grid import TileRule


def data_tiles(data: DataSection) -> TileRule | None:
    """How ``data.tiles`` cuts images; None where they stay whole. Raises UserError."""
    return TileRule.parse(data.tiles, overlap=data.tile_overlap, option="data.tiles") if data.tiles else None


def learned_tiles(experiment: Mapping[str, Any] | None) -> str | None:
    """What the experiment that a model carries says of ``data.tiles``; None where that is nothing."""
    data = experiment.get("data") if experiment is not None else None
    tiles = data.get("tiles") if isinstance(data, Mapping) else None
    return str(tiles) if tiles else None


def as_learned(dataset: Dataset, experiment: Experiment, network_size: Size) -> Dataset:
    """A data set as the network of an experiment, with an input of ``network_size`` (height, width), is shown it."""
    rule = data_tiles(experiment.data)
    if rule is None:
        return dataset
    return cut_into_tiles(dataset, rule, network_size, minimum_visible=experiment.augment.minimum_visible)


def splits_as_learned(splits: Splits, experiment: Experiment, network_size: Size) -> Splits:
    """Both splits, each as :func:`as_learned`."""
    train, val = (as_learned(part, experiment, network_size) for part in (splits.train, splits.val))
    return replace(splits, train=train, val=val)
