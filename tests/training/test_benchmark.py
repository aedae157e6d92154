"""The benchmark measures what training does, and says of what."""

from __future__ import annotations

import statistics
from types import SimpleNamespace

import pytest
import torch

from yolov3 import UserError
from yolov3.config.loading import build_experiment
from yolov3.models.cost import count_operations
from yolov3.models.yolov3 import YOLOv3
from yolov3.training import benchmark as module
from yolov3.training.benchmark import BOXES, PASSES, STEP, benchmark, random_batch
from yolov3.watching.watcher import Watcher

SMALL = {"variant": "yolov3-tiny", "width": 0.125, "image_size": 64}


class Listener(Watcher):
    def __init__(self) -> None:
        self.heard: list[tuple[int, int | None]] = []

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.heard.append((done, total))


def experiment_of(**train: object):
    settings = {"batch_size": 4, "precision": "float32", "device": "cpu", **train}
    return build_experiment({"model": SMALL, "train": settings}, "the test")


def test_speeds_and_overhead_belong_together():
    listener = Listener()
    result = benchmark(experiment_of(accumulate=2), num_classes=3, rounds=3, watcher=listener)
    by_name = {speed.name: speed for speed in result.speeds}
    assert listener.heard == [(0, 3), (1, 3), (2, 3), (3, 3)] and list(by_name) == ["network forward", PASSES, STEP]
    once = 4 * count_operations(YOLOv3(variant="yolov3-tiny", width=0.125, num_classes=3), (64, 64))
    assert [speed.operations for speed in result.speeds] == [once, 3 * once, 3 * once]
    assert all(speed.images == 4 and speed.seconds > 0 for speed in result.speeds)
    assert result.description.startswith("yolov3-tiny x0.125, 3 classes, 64x64 letterbox on cpu in float32, torch ")


def test_medians_count_and_the_first_round_does_not(monkeypatch):
    """A clock that goes on in the network alone: in each pass by what is told for it."""
    told = [(90, 90, 90), (1, 10, 15), (2, 20, 60), (6, 30, 33)]  # forward, bare passes and whole step of four rounds
    seconds, now = iter([each for row in told for each in row]), [0.0]
    original = YOLOv3.forward

    def forward(self: YOLOv3, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        now[0] += next(seconds, 0)
        return original(self, images)

    monkeypatch.setattr(YOLOv3, "forward", forward)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    result = benchmark(experiment_of(), num_classes=1, rounds=3)
    assert [speed.seconds for speed in result.speeds] == [2, 20, 33]
    assert result.overhead == statistics.median([15 / 10, 60 / 20, 33 / 30])


def test_random_images_are_full_of_boxes_inside_them():
    batch = random_batch(3, (64, 96), 5)
    assert batch.images.shape == (3, 3, 64, 96) and batch.images.dtype == torch.uint8
    assert torch.bincount(batch.targets.image_index).tolist() == [BOXES] * 3
    low, high = batch.targets.boxes[:, :2], batch.targets.boxes[:, 2:]
    assert bool((low >= 0).all() and (high <= torch.tensor([96.0, 64.0])).all() and (high > low).all())
    assert set(batch.targets.labels.tolist()) == set(range(5)) and not batch.targets.ignore.any()
    again = random_batch(3, (64, 96), 5)
    assert torch.equal(again.images, batch.images) and torch.equal(again.targets.boxes, batch.targets.boxes)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"rounds": 0}, "rounds and classes must be at least 1, found 0 and 80"),
        ({"num_classes": 0}, "rounds and classes must be at least 1, found 5 and 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers, message):
    with pytest.raises(UserError, match=message):
        benchmark(experiment_of(), **numbers)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="device 'tpu' is not known"):
        benchmark(experiment_of(device="tpu"))
