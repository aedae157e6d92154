"""Whoever uses a runtime does not know which it is: one that has nothing but the contract does as well as PyTorch's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from yolov3.batches.detection import evaluation_loader
from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.evaluation.evaluate import evaluate_runtime
from yolov3.evaluation.measure import EvaluationSettings
from yolov3.evaluation.shared import SharedRules, evaluate_shared
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.runtimes.runtime import Runtime
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset
from yolov3.structures import DensePredictions, Preprocessing
from yolov3.watching.watcher import Watcher

PREPROCESSING = Preprocessing(size=(96, 128))
SELECTION = Selection(confidence=0.001, nms_threshold=0.6, multi_label=True)


class Remembered:
    """Answers from a file of predictions, an image at a time, found by its pixels; it has no network and no device."""

    __slots__ = ("known",)

    num_classes = len(CLASSES)
    device = "a file"
    precision = "as it was written"

    def __init__(self, path: Path) -> None:
        self.known = {key: DensePredictions(*parts) for key, parts in torch.load(path, weights_only=True).items()}

    def __call__(self, images: Tensor) -> DensePredictions:
        return DensePredictions.join([self.known[fingerprint(image)] for image in images])


def fingerprint(image: Tensor) -> int:
    return hash(image.contiguous().numpy().tobytes())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "shapes"
    return open_dataset(resolve_data(write_shapes_dataset(folder, train=0, val=5, unseen=0, seed=3)), "val")


@pytest.fixture(scope="module")
def runtimes(dataset, tmp_path_factory) -> tuple[Runtime, Runtime]:
    """PyTorch's runtime, and one that remembers what it predicted."""
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=len(CLASSES)).eval()
    computing = TorchRuntime(network, torch.device("cpu"))
    known = {}
    for batch in evaluation_loader(dataset, preprocessing=PREPROCESSING, batch_size=1, workers=0):
        found = computing(batch.images).decoded()
        known[fingerprint(batch.images[0])] = (found.boxes, found.objectness, found.classes)
    path = tmp_path_factory.mktemp("predictions") / "known.pt"
    torch.save(known, path)
    return computing, Remembered(path)


def test_an_evaluation_is_the_same_by_whatever_runtime(dataset, runtimes):
    evaluations = []
    for runtime in runtimes:
        settings = EvaluationSettings(
            "m", "d", len(dataset), 6, PREPROCESSING, SELECTION, 2, runtime.device, runtime.precision
        )
        evaluations.append(
            evaluate_runtime(runtime, dataset, settings, model_labels=range(6), workers=0, watcher=Watcher())
        )
    computed, remembered = evaluations
    assert computed.counts == remembered.counts and computed.counts.detections > 0
    assert remembered.coco.as_plain() == pytest.approx(computed.coco.as_plain(), abs=1e-6)
    assert remembered.settings.as_plain()["device"] == "a file"


def test_a_shared_evaluation_too(dataset, runtimes):
    rules = SharedRules(PREPROCESSING, SELECTION, batch_size=2, workers=0)
    first, second = (evaluate_shared(runtime, dataset, rules, World(), lambda: None) for runtime in runtimes)
    assert first.counts == second.counts and first.counts.detections > 0
