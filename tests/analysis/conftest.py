"""Data sets and detections made up for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3.analysis.matching import Matching, match
from yolov3.analysis.overlaps import overlaps_of
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.structures import Sample


class World:
    """Makes samples, data sets, detections and matchings."""

    def sample(
        self, name: int | str, boxes: list, labels: list[int], ignore: list[bool] | None = None, size: int = 500
    ) -> Sample:
        array = np.array(boxes, np.float32).reshape(-1, 4)
        areas = (array[:, 2] - array[:, 0]) * (array[:, 3] - array[:, 1])
        kept = np.array([False] * len(labels) if ignore is None else ignore, bool)
        return Sample(Path(f"{name}.jpg"), (size, size), array, np.array(labels, np.int64), kept, areas, name)

    def data(self, *samples: Sample, names: tuple[str, ...] = ("cat", "dog")) -> Dataset:
        return Dataset(samples, names, tuple(range(1, len(names) + 1)), DatasetReport(), "made up")

    def found(self, boxes: list, scores: list[float], labels: list[int]) -> Detections:
        return Detections(
            torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            torch.tensor(scores, dtype=torch.float32),
            torch.tensor(labels, dtype=torch.int64),
        )

    def random(
        self, seed: int, images: int = 12, classes: int = 3, *, decimals: int = 2, most: int = 6, skill: float = 0.08
    ) -> tuple[Dataset, list[Detections]]:
        """Truths anywhere, some ignored; found with errors of all kinds, with ties of scores for few ``decimals``."""
        random = np.random.default_rng(seed)
        samples, found = [], []
        for image in range(images):
            count = int(random.integers(0, most + 1))
            low = random.uniform(0, 350, (count, 2))
            boxes = np.concatenate((low, low + random.uniform(15, 150, (count, 2))), axis=1)
            if count > 2:
                boxes[1] = boxes[0] + random.normal(0, 0.2, 4) * np.tile(
                    boxes[0, 2:] - boxes[0, :2], 2
                )  # one in the way
                boxes[1, 2:] = np.maximum(boxes[1, 2:], boxes[1, :2] + 1)
            labels = random.integers(0, classes, count)
            ignore = random.random(count) < 0.15
            samples.append(self.sample(int(random.integers(1, 50)) * 100 + image, boxes, labels, ignore))
            picks = random.integers(0, count, 2 * count) if count else np.zeros(0, int)
            sides = np.tile(boxes[picks, 2:] - boxes[picks, :2], 2)
            near = boxes[picks] + random.normal(0, skill, (len(picks), 4)) * sides
            away = random.uniform(0, 400, (5, 2))
            near = np.concatenate((near, np.concatenate((away, away + random.uniform(10, 100, (5, 2))), axis=1)))
            others = random.integers(0, classes, len(near))
            right = np.concatenate((labels[picks], others[len(picks) :]))
            guesses = np.where(random.random(len(near)) < 0.2, others, right)
            quality = np.concatenate((np.full(len(picks), 0.25), np.zeros(5)))
            scores = np.clip(random.random(len(near)) * 0.7 + quality, 0.01, 0.99).round(decimals)
            order = np.argsort(-scores, kind="stable")
            found.append(self.found(near[order].tolist(), scores[order].tolist(), guesses[order].tolist()))
        names = tuple(f"class {label}" for label in range(classes))
        return self.data(*samples, names=names), found

    def match(self, dataset: Dataset, found: list[Detections], **more) -> Matching:
        return match(overlaps_of(dataset, found), **more)


@pytest.fixture(scope="session")
def world() -> World:
    """Makes up data sets and detections."""
    return World()
