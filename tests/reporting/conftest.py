"""Data that pages are made of."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The validation images of a drawn data set."""
    from yolov3.catalogue.opening import open_dataset
    from yolov3.config.experiment import DataSection
    from yolov3.shapes.dataset import write_shapes_dataset

    folder = write_shapes_dataset(tmp_path_factory.mktemp("drawn") / "shapes", train=1, val=12, unseen=0, seed=3)
    return open_dataset(DataSection(root=str(folder)), "val")


@pytest.fixture(scope="session")
def guesses(drawn: Any) -> Any:
    """What a mediocre model might find there: most objects, some badly placed, confused or twice, and some that are not."""
    import numpy as np
    import torch

    from yolov3.detections import Detections

    random = np.random.default_rng(0)
    found = []
    for sample in drawn.samples:
        boxes, labels = sample.boxes.copy(), sample.labels.copy()
        kept = random.random(len(boxes)) < 0.85
        boxes, labels = boxes[kept], labels[kept]
        boxes = boxes + random.normal(0, 0.1, boxes.shape) * (boxes[:, 2:] - boxes[:, :2]).repeat(2, 1)
        labels = np.where(random.random(len(labels)) < 0.15, random.integers(0, len(drawn.names), len(labels)), labels)
        low = random.uniform(0, 60, (4, 2))
        boxes = np.concatenate((boxes, boxes[:1] + 3, np.concatenate((low, low + random.uniform(5, 40, (4, 2))), 1)))
        labels = np.concatenate((labels, labels[:1], random.integers(0, len(drawn.names), 4)))
        scores = np.concatenate((random.beta(5, 2, len(boxes) - 4), random.beta(2, 4, 4)))
        order = np.argsort(-scores)
        found.append(
            Detections(
                torch.from_numpy(boxes[order].astype(np.float32)),
                torch.from_numpy(scores[order].astype(np.float32)),
                torch.from_numpy(labels[order]),
                drawn.names,
                sample.size,
            )
        )
    return tuple(found)


@pytest.fixture(scope="session")
def measured(drawn: Any, guesses: Any) -> Any:
    """Their evaluation, which knows all that a report tells."""
    from dataclasses import replace

    from yolov3.evaluation.measure import EvaluationSettings, measure
    from yolov3.reporting.report import Measured
    from yolov3.selecting.postprocess import Selection
    from yolov3.structures import Preprocessing
    from yolov3.watching.stage_times import StageTimes

    settings = EvaluationSettings(
        model="a guess <b>",
        data="drawn shapes",
        images=len(drawn),
        num_classes=len(drawn.names),
        preprocessing=Preprocessing(size=(96, 128)),
        selection=Selection(confidence=0.001, nms_threshold=0.6, multi_label=True),
        batch_size=4,
        device="cpu",
        precision="float32",
    )
    times = StageTimes(reading=0.1, network=1.0, selecting=0.2, images=len(drawn))
    evaluation = replace(measure(drawn, guesses), settings=settings, times=times, dataset=drawn, strides=(32, 16))
    return Measured.of(evaluation)
