"""Measuring a model on a data set, from the names of both to the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import torch

from yolov3.catalogue.cutting import data_tiles
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.errors import UserError
from yolov3.evaluation.class_matching import match_classes
from yolov3.evaluation.data_section import data_section_of, named_data
from yolov3.evaluation.measure import DataSource, Evaluation, EvaluationSettings, measure
from yolov3.evaluation.predict import AllFound, loader_of, predict_all
from yolov3.evaluation.report import METRICS, PREDICTIONS, write_metrics, write_predictions
from yolov3.files.run_folder import make_run_folder
from yolov3.formats.load import open_model
from yolov3.formats.model import Model
from yolov3.geometry import rectangular_step
from yolov3.machine.allocator import give_back_freed_memory
from yolov3.runtimes.opening import RuntimeChoice, RuntimeName, check_rules, open_runtime
from yolov3.runtimes.runtime import Runtime
from yolov3.runtimes.tiled import TiledLook
from yolov3.selecting.postprocess import Selection
from yolov3.selecting.suppress import nms_of_many
from yolov3.structures import Fit, Preprocessing
from yolov3.tiles.grid import TileRule
from yolov3.watching.watcher import Watcher


class EvaluateChanges(TypedDict, total=False):
    """The fields of :class:`EvaluateOptions`, as keywords."""

    weights: str | Path
    data: str | Path | None
    data_changes: Sequence[str]
    split: Split
    confidence: float
    nms_threshold: float
    max_detections: int
    class_agnostic: bool
    multi_label: bool
    image_size: int | tuple[int, int] | None
    fit: Fit | None
    rect: bool
    tiles: TileRule | None
    cfg: str | Path | None
    names: str | Path | None
    device: str
    precision: str | None
    runtime: RuntimeName | None
    batch_size: int
    workers: int
    output: str | Path | None
    name: str | None


@dataclass(frozen=True)
class EvaluateOptions:
    """What is measured on what, and how. Without ``data`` the data is taken that the model was trained with, or that its
    ``.data`` file names; ``data_changes`` are words laid over it, such as ``data.root=FOLDER``. ``image_size`` (side, or
    height and width) and ``fit`` replace the model's own, ``cfg`` and ``names`` the files of a Darknet model; with ``rect``
    inputs are no larger than their images need; with ``tiles`` large images are looked at in parts, as they are where a
    model was trained on such (``data.tiles``). With ``output`` a new folder ``name`` (default: the weights') is made in
    there and gets ``metrics.json`` and ``predictions.json``."""

    weights: str | Path
    data: str | Path | None = None
    data_changes: Sequence[str] = ()
    split: Split = "val"
    confidence: float = 0.001
    nms_threshold: float = 0.6
    max_detections: int = 300
    class_agnostic: bool = False
    multi_label: bool = True
    image_size: int | tuple[int, int] | None = None
    fit: Fit | None = None
    rect: bool = False
    tiles: TileRule | None = None
    cfg: str | Path | None = None
    names: str | Path | None = None
    device: str = "auto"
    precision: str | None = None
    runtime: RuntimeName | None = None
    batch_size: int = 16
    workers: int = 2
    output: str | Path | None = None
    name: str | None = None

    @property
    def folder_name(self) -> str:
        """What the new folder is called."""
        return self.name or Path(self.weights).absolute().stem


def evaluate(
    options: EvaluateOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[EvaluateChanges]
) -> Evaluation:
    """Measure a model: ``evaluate(weights="best.pt", data="data/mine")``. ``changes`` are fields of the options.

    Raises UserError for what the user can mend.
    """
    options = EvaluateOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    measurement = open_measurement(options, watcher)
    folder = None if options.output is None else make_run_folder(Path(options.output), options.folder_name)
    watcher.report(measurement.told)
    found = measurement.find(measurement.dataset, workers=options.workers, watcher=watcher)
    return measurement.conclude(found, folder)


@dataclass(frozen=True)
class Measurement:
    """A model that is opened to be measured on a data set: ``model_labels`` are its labels of the data set's classes
    (yolov3/evaluation/class_matching.py), its other classes are left out; ``tiled`` where images are looked at in tiles;
    ``source`` is where the data are from."""

    model: Model
    runtime: Runtime
    dataset: Dataset
    settings: EvaluationSettings
    model_labels: tuple[int, ...]
    tiled: TiledLook | None
    source: DataSource

    def find(self, part: Dataset, *, workers: int, watcher: Watcher) -> AllFound:
        """What the model finds in some of the samples. Raises UserError for an image that cannot be read."""
        return predict_all(
            self.runtime,
            part,
            self.settings,
            model_labels=self.model_labels,
            workers=workers,
            watcher=watcher,
            tiled=self.tiled,
        )

    @property
    def told(self) -> str:
        """What a person wants to know of the data, in lines."""
        return f"data: {self.dataset.report.summary()}"

    def batches(self) -> list[tuple[int, ...]]:
        """The numbers of the samples that the model is shown together."""
        if self.tiled is not None:
            return [(number,) for number in range(len(self.dataset))]
        return loader_of(self.dataset, self.settings, workers=0).batches

    def conclude(self, found: AllFound, folder: Path | None) -> Evaluation:
        """The numbers of what was found in all samples, also written to a folder."""
        give_back_freed_memory()  # the network's maps; the metrics come next
        evaluation = replace(
            measure(self.dataset, found.detections, nonfinite=found.nonfinite),
            settings=self.settings,
            times=found.times,
            folder=folder,
            dataset=self.dataset,
            strides=tuple(level.stride for level in self.model.levels),
            source=self.source,
        )
        if folder is not None:
            write_metrics(folder / METRICS, evaluation)
            write_predictions(folder / PREDICTIONS, self.dataset, evaluation.detections)
        give_back_freed_memory()  # the metrics' tables; a report may come next
        return evaluation


def evaluate_runtime(
    runtime: Runtime,
    dataset: Dataset,
    settings: EvaluationSettings,
    *,
    model_labels: Sequence[int],
    workers: int,
    watcher: Watcher,
) -> Evaluation:
    """Measure what :func:`yolov3.evaluation.predict.predict_all` finds."""
    found = predict_all(runtime, dataset, settings, model_labels=model_labels, workers=workers, watcher=watcher)
    give_back_freed_memory()  # the network's maps; the metrics come next
    evaluation = measure(dataset, found.detections, nonfinite=found.nonfinite)
    return replace(evaluation, settings=settings, times=found.times)


def open_measurement(options: EvaluateOptions, watcher: Watcher) -> Measurement:
    """All that a measurement needs. Raises UserError for what the user can mend."""
    model = open_model(options.weights, cfg=options.cfg, names=options.names)
    preprocessing, selection, rect_step = _rules(options, model)
    choice = RuntimeChoice(options.device, options.precision, options.runtime, any_size=options.rect)
    runtime = open_runtime(model, preprocessing, choice)
    check_rules(model, selection)
    section = _data_section(options, model)
    tiles = options.tiles or data_tiles(section)
    dataset = open_dataset(section, options.split)
    labels = match_classes(model.names, dataset.names, num_model_classes=runtime.num_classes)
    # What happens only once is no part of what an image takes.
    runtime(torch.zeros((1, 3, *preprocessing.size), dtype=torch.uint8))
    nms_of_many()
    settings = EvaluationSettings(
        model=f"{model.described_without_input} ({options.weights})",
        data=dataset.source,
        images=len(dataset.samples),
        num_classes=len(dataset.names),
        preprocessing=preprocessing,
        selection=selection,
        batch_size=options.batch_size,
        device=runtime.device,
        precision=runtime.precision,
        runtime=runtime.name,
        rect_step=rect_step,
        tiles=tiles.word if tiles is not None else None,
    )
    tiled = TiledLook(runtime, preprocessing, tiles, rect_step) if tiles is not None else None
    source = DataSource.of(section, options.split)
    return Measurement(model, runtime, dataset, settings, tuple(labels), tiled, source)


def _rules(options: EvaluateOptions, model: Model) -> tuple[Preprocessing, Selection, int | None]:
    """How images are fitted, boxes selected, and by which step inputs may be smaller. Raises UserError for what cannot
    be."""
    if options.batch_size < 1 or options.workers < 0:
        raise UserError(
            f"the batch size must be at least 1 and the workers at least 0, found {options.batch_size} and "
            f"{options.workers}"
        )
    try:
        preprocessing = model.meaning.preprocessing.changed(options.image_size, options.fit)
        rect_step = rectangular_step(preprocessing, model.levels) if options.rect else None
        selection = Selection(
            confidence=options.confidence,
            nms_threshold=options.nms_threshold,
            suppression=model.meaning.suppression,
            class_agnostic=options.class_agnostic,
            multi_label=options.multi_label,
            max_detections=options.max_detections,
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    return preprocessing, selection, rect_step


def _data_section(options: EvaluateOptions, model: Model) -> DataSection:
    section = data_section_of(model, named_data(options.data, options.weights), options.data_changes)
    if section is None:
        why = (
            "does not say which data it was trained with"
            if model.experiment is None
            else "its experiment names no data"
        )
        raise UserError(f"{model.source}: {why}; give --data")
    return section
