"""Which data a model is measured on: what a user names, else what the model was made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolov3.catalogue.cutting import learned_tiles
from yolov3.catalogue.naming import beside_model, change_data, resolve_data
from yolov3.config.experiment import DataSection
from yolov3.config.loading import build_experiment
from yolov3.formats.model import Model


def named_data(named: str | Path | None, weights: str | Path) -> str | Path | None:
    """The data that a user names: as such, or by giving a Darknet project's ``.data`` file for its weights."""
    if named is None and Path(weights).suffix.lower() == ".data":
        return weights
    return named


def data_section_of(model: Model, named: str | Path | None, changes: Sequence[str]) -> DataSection | None:
    """The data that is named, else that of the model's training, with the changes; None where neither says any. Raises
    UserError."""
    section = None
    if named is not None:
        section = _tiled_as(model, resolve_data(named))
    elif model.experiment is not None:
        section = beside_model(build_experiment(model.experiment, model.source).data, Path(model.source))
    section = change_data(section, changes)
    return None if section.file is None and section.root is None else section


def _tiled_as(model: Model, section: DataSection) -> DataSection:
    """Other data are looked at as those were that a model was trained with."""
    if section.tiles is not None or model.experiment is None or learned_tiles(model.experiment) is None:
        return section
    trained = build_experiment(model.experiment, model.source).data
    return section.model_copy(update={"tiles": trained.tiles, "tile_overlap": trained.tile_overlap})
