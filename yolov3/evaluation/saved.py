"""An evaluation that lies in a folder, opened again: what was found, and in which data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from yolov3.boxes import xywh_to_xyxy
from yolov3.config.experiment import DataSection
from yolov3.config.loading import build_experiment
from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.evaluation.report import METRICS, PREDICTIONS
from yolov3.files.reading import is_file, read_text

LARGEST_JSON = 4_000_000_000  # bytes; a prediction has about 120

LARGEST = 1e9
"""Pixels of an image are fewer by far; sums and products of such numbers are finite in float32."""


def is_saved_evaluation(path: Path) -> bool:
    """Whether a folder holds an evaluation."""
    return is_file(path / METRICS) and is_file(path / PREDICTIONS)


def read_metrics(folder: Path) -> dict[str, Any]:
    """The content of ``metrics.json``. Raises UserError."""
    values = _read_json(folder / METRICS)
    if not isinstance(values, dict) or not isinstance(values.get("settings"), dict):
        raise UserError(f"{folder / METRICS}: is not what an evaluation writes")
    return values


def source_of(folder: Path, metrics: Mapping[str, Any]) -> tuple[DataSection, str]:
    """The data and the split that an evaluation was measured on. Raises UserError where it does not say."""
    source = metrics.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("data"), dict) or not source["data"]:
        raise UserError(f"{folder / METRICS}: does not say which data it was measured on; give --data")
    return build_experiment({"data": source["data"]}, str(folder / METRICS)).data, str(source.get("split", "val"))


def read_predictions(path: Path, dataset: Dataset) -> tuple[Detections, ...]:
    """What ``predictions.json``, or another COCO results list, says was found in each of the images of a data set, in their
    order, best first. Raises UserError for a file that is none and for images and classes that the data has not."""
    rows = _read_json(path)
    if not isinstance(rows, list):
        raise UserError(f"{path}: a list of results is expected, found {type(rows).__name__}")
    images = {sample.image_id: number for number, sample in enumerate(dataset.samples)}
    labels = {category: label for label, category in enumerate(dataset.category_ids)}
    by_image: dict[int, list[tuple[list[float], float, int]]] = defaultdict(list)
    for number, row in enumerate(rows):
        try:
            image, label = images[row["image_id"]], labels[row["category_id"]]
            left, top, width, height = map(_finite, row["bbox"])
            by_image[image].append(([left, top, width, height], _finite(row["score"]), label))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path}: entry {number} is no result for {dataset.source}: image_id, category_id, bbox of four numbers and "
                f"score are expected, of that data, found {str(row)[:150]}"
            ) from error
    return tuple(_detections(by_image.get(number, []), dataset, number) for number in range(len(dataset.samples)))


def _finite(value: Any) -> float:
    """A number that float32 can hold. Raises ValueError, TypeError, OverflowError."""
    number = float(value)
    if not abs(number) <= LARGEST:
        raise ValueError(f"{number} is too large, or no number")
    return number


def _detections(rows: Sequence[tuple[list[float], float, int]], dataset: Dataset, image: int) -> Detections:
    rows = sorted(rows, key=lambda row: -row[1])
    boxes = np.array([row[0] for row in rows], np.float64).reshape(-1, 4)
    return Detections(
        torch.from_numpy(xywh_to_xyxy(boxes).astype(np.float32)),
        torch.tensor([row[1] for row in rows], dtype=torch.float32),
        torch.tensor([row[2] for row in rows], dtype=torch.int64),
        dataset.names,
        dataset.samples[image].size,
    )


def _read_json(path: Path) -> Any:
    text = read_text(path, most=LARGEST_JSON, what="what an evaluation writes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no JSON: {error}") from error
    except MemoryError as error:
        raise UserError(f"{path}: there is not enough memory for what is in it") from error
