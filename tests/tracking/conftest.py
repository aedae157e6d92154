"""Scenes whose things are known one by one, and how well they were followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from yolov3.detections import Detections
from yolov3.tracking.pairing import overlaps

SIZE = (480, 640)


def detections_of(boxes, scores=None, labels=None, names=("car", "person")) -> Detections:
    boxes = torch.tensor(np.asarray(boxes, np.float32).reshape(-1, 4))
    scores = torch.tensor(np.asarray([0.9] * len(boxes) if scores is None else scores, np.float32))
    labels = torch.tensor(np.asarray([0] * len(boxes) if labels is None else labels, np.int64))
    return Detections(boxes, scores, labels, names, SIZE)


@dataclass(frozen=True)
class Moment:
    """A frame of a scene: who is where in truth, and what a detector finds."""

    seconds: float
    truth: dict[int, np.ndarray]
    found: Detections


@dataclass(frozen=True)
class Marks:
    """The CLEAR MOT and identity measures of a scene (Bernardin 2008, Ristani 2016), at an overlap of 0.5."""

    mota: float
    idf1: float
    switches: int


@pytest.fixture(scope="session")
def detections() -> Callable[..., Detections]:
    return detections_of


def scene(seed: int, *, things: int = 12, frames: int = 150, rate: float = 30.0, hard: bool = True) -> Iterator[Moment]:
    """Things that cross each other at constant velocities, of two classes. A ``hard`` scene's detector is shaky, misses some,
    sees false ones, is unsure of what is half hidden, and there are times in which one is not seen at all."""
    chance = np.random.default_rng(seed)
    height = chance.uniform(40, 90, things)
    width = height * chance.uniform(0.4, 1.2, things)
    start = np.stack((chance.uniform(0, SIZE[1], things), chance.uniform(60, SIZE[0] - 60, things)), axis=1)
    velocity = chance.uniform(-60, 60, (things, 2)) * (1.0, 0.3)
    labels = chance.integers(0, 2, things)
    hidden = {number: chance.integers(20, frames - 20) for number in range(things) if hard and number % 3 == 0}
    for frame in range(frames):
        seconds = frame / rate
        centres = start + velocity * seconds
        boxes = np.stack((centres[:, 0] - width / 2, centres[:, 1] - height / 2, centres[:, 0] + width / 2,
                          centres[:, 1] + height / 2), axis=1)  # fmt: skip
        inside = (boxes[:, 0] > 0) & (boxes[:, 2] < SIZE[1]) & (boxes[:, 1] > 0) & (boxes[:, 3] < SIZE[0])
        truth = {number: boxes[number] for number in range(things) if inside[number]}
        found, scores, classes = [], [], []
        for number, box in truth.items():
            away = number in hidden and 0 <= frame - hidden[number] < 12
            if hard and (away or chance.random() < 0.04):
                continue
            covered = overlaps(
                box[None], np.array([other for who, other in truth.items() if who != number]).reshape(-1, 4)
            )
            unsure = hard and covered.max(initial=0) > 0.05
            found.append(box + (chance.normal(0, 0.02 * height[number], 4) if hard else 0))
            scores.append(chance.uniform(0.12, 0.24) if unsure else chance.uniform(0.5, 0.95))
            classes.append(labels[number])
        if hard and chance.random() < 0.2:
            x, y = chance.uniform(0, 500, 2)
            found.append((x, y, x + 50, y + 60))
            scores.append(chance.uniform(0.1, 0.6))
            classes.append(chance.integers(0, 2))
        yield Moment(seconds, truth, detections_of(found, scores, classes))


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Iterator[Moment]]:
    return scene


def marks_of(moments: list[Moment], tracked: list[tuple[np.ndarray, np.ndarray]]) -> Marks:
    """Slow and plain: per frame the pairs of before are kept, the others paired anew; identities by the best matching of
    whole tracks."""
    before: dict[int, int] = {}
    misses = false = switches = total = 0
    together: dict[tuple[int, int], int] = {}
    lengths: dict[str, dict[int, int]] = {"truth": {}, "track": {}}
    for moment, (boxes, identities) in zip(moments, tracked, strict=True):
        names = list(moment.truth)
        alike = overlaps(np.array([moment.truth[name] for name in names]).reshape(-1, 4), boxes)
        pairs = {}
        for row, name in enumerate(names):
            column = np.flatnonzero(identities == before.get(name, -1))
            if len(column) and alike[row, column[0]] >= 0.5:
                pairs[row] = int(column[0])
        rows = [row for row in range(len(names)) if row not in pairs]
        columns = [column for column in range(len(boxes)) if column not in pairs.values()]
        if rows and columns:
            costs = np.where(alike[np.ix_(rows, columns)] >= 0.5, 1 - alike[np.ix_(rows, columns)], 1e3)
            for row, column in zip(*linear_sum_assignment(costs)):
                if costs[row, column] < 1:
                    pairs[rows[row]] = columns[column]
        for row, column in pairs.items():
            name, identity = names[row], int(identities[column])
            switches += before.get(name, identity) != identity
            before[name] = identity
        total += len(names)
        misses += len(names) - len(pairs)
        false += len(boxes) - len(pairs)
        for name in names:
            lengths["truth"][name] = lengths["truth"].get(name, 0) + 1
        for identity in identities.tolist():
            lengths["track"][identity] = lengths["track"].get(identity, 0) + 1
        for row, column in np.argwhere(alike >= 0.5):
            key = (names[row], int(identities[column]))
            together[key] = together.get(key, 0) + 1
    truths, tracks = list(lengths["truth"]), list(lengths["track"])
    table = np.array([[together.get((name, identity), 0) for identity in tracks] for name in truths]).reshape(
        len(truths), -1
    )
    right = int(table[linear_sum_assignment(-table)].sum())
    found = sum(lengths["track"].values())
    return Marks(1 - (misses + false + switches) / total, 2 * right / (total + found), switches)


@pytest.fixture(scope="session")
def measure() -> Callable[..., Marks]:
    return marks_of
