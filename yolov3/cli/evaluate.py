"""``yolov3 evaluate --weights W --data D``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.cli.model_options import add_model_options, check_model_options, input_size
from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.config import DataSection
    from yolov3.formats import LoadedModel
    from yolov3.structures import Preprocessing

HELP = "measure a model on a data set: COCO's and VOC's average precision"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_options(parser, confidence=0.001, nms_threshold=0.6)
    parser.add_argument(
        "--data",
        metavar="D",
        help="data YAML, experiment YAML or data set folder; without it, the data the model was trained with",
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="val", help="which part of the data")
    parser.add_argument(
        "--multi-label", action=argparse.BooleanOptionalAction, default=True, help="a box may carry several classes"
    )
    parser.add_argument("--batch-size", type=int, default=16, help="images at once")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images; 0: none but this one")
    parser.add_argument("--output", type=Path, default=Path("runs/evaluate"), help="a new folder is made in here")
    parser.add_argument("--name", help="the new folder's name; default: that of the weights")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the report, write ``metrics.json`` and ``predictions.json``. Raises UserError."""
    from yolov3.datasets import open_dataset
    from yolov3.device import select_device
    from yolov3.engine.class_matching import match_classes
    from yolov3.engine.evaluate import evaluate
    from yolov3.engine.report import EvaluationProgress, print_report, write_metrics, write_predictions
    from yolov3.formats import load_model
    from yolov3.postprocess import Selection
    from yolov3.run_folder import make_run_folder

    _check(arguments)
    device = select_device(arguments.device)
    model = load_model(arguments.weights, device=device)
    if not hasattr(model.network, "levels"):
        raise UserError(f"{arguments.weights}: {model.description or 'this model'} is no detector")
    try:
        preprocessing = _fitted(model.preprocessing, arguments)
        selection = Selection(
            confidence=arguments.confidence,
            nms_threshold=arguments.nms_threshold,
            nms_kind=model.nms_kind,
            diou_exponent=model.diou_exponent,
            class_agnostic=arguments.class_agnostic,
            multi_label=arguments.multi_label,
            max_detections=arguments.max_det,
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    dataset = open_dataset(_data_section(arguments.data, model), arguments.split)
    num_classes: int = model.network.num_classes  # type: ignore[assignment]  # the contract of our networks
    labels = match_classes(model.names, dataset.names, num_model_classes=num_classes)
    folder = make_run_folder(arguments.output, arguments.name or arguments.weights.stem)
    print(f"data: {dataset.report.summary()}")
    with EvaluationProgress(len(dataset.samples)) as progress:
        evaluation = evaluate(
            model.network,
            dataset,
            preprocessing=preprocessing,
            selection=selection,
            batch_size=arguments.batch_size,
            workers=arguments.workers,
            device=device,
            progress=progress,
            model=f"{model.description} ({arguments.weights})",
            model_labels=labels,
        )
    print_report(evaluation)
    write_metrics(folder / "metrics.json", evaluation)
    write_predictions(folder / "predictions.json", dataset, evaluation.detections)
    print(f"written: {folder}/metrics.json, predictions.json")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    check_model_options(arguments)
    if arguments.workers < 0:
        raise UserError(f"--workers must be at least 0, found {arguments.workers}")


def _fitted(preprocessing: Preprocessing, arguments: argparse.Namespace) -> Preprocessing:
    from dataclasses import replace

    size = input_size(arguments) or preprocessing.size
    return replace(preprocessing, size=size, fit=arguments.fit or preprocessing.fit)


def _data_section(text: str | None, model: LoadedModel) -> DataSection:
    """The data that the user names, or else that of the model's training."""
    from yolov3.config import build_experiment
    from yolov3.datasets import resolve_data

    if text is not None:
        return resolve_data(text)
    if model.experiment is None:
        raise UserError(f"{model.source}: does not say which data it was trained with; give --data")
    data = build_experiment(model.experiment, model.source).data
    if data.file is None and data.root is None:
        raise UserError(f"{model.source}: its experiment names no data; give --data")
    return data
