"""The same evaluation, however many processes share its images: one here, two real ones under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.errors import UserError
from yolov3.evaluation.evaluate import evaluate
from yolov3.evaluation.shared import SharedRules, evaluate_shared
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.load import load_model
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset
from yolov3.structures import ModelMeaning, Preprocessing

PROGRAM = """
import json, sys, torch
from yolov3.catalogue.opening import open_dataset
from yolov3.catalogue.naming import resolve_data
from yolov3.evaluation.shared import SharedRules, evaluate_shared
from yolov3.formats.load import load_model
from yolov3.selecting.postprocess import Selection
from yolov3.processes.world import join_world
from yolov3.runtimes.torch_runtime import TorchRuntime

weights, data, output = sys.argv[1:]
torch.set_num_threads(1)
with join_world() as world:
    model = load_model(weights)
    selection = Selection(confidence=0.001, nms_threshold=0.6, multi_label=True)
    rules = SharedRules(model.meaning.preprocessing, selection, batch_size=2, workers=0)
    runtime = TorchRuntime(model.detector(), torch.device("cpu"))
    checks = []
    dataset = open_dataset(resolve_data(data), "val")
    evaluation = evaluate_shared(runtime, dataset, rules, world, lambda: checks.append(1))
    assert not checks, "several processes stop together, afterwards"
    assert (evaluation is not None) == world.is_first
    if evaluation is not None:
        plain = evaluation.as_plain()
        plain["detections"] = [[found.boxes.tolist(), found.labels.tolist()] for found in evaluation.detections]
        open(output, "w").write(json.dumps(plain))
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=len(CLASSES))
    path = tmp_path_factory.mktemp("model") / "small.pt"
    save_checkpoint(path, network, meaning=ModelMeaning(CLASSES, Preprocessing((96, 128))))
    return path


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Seven images, which two processes cannot share evenly."""
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=0, val=7, unseen=0, seed=4)


@pytest.fixture
def whole(weights, shapes):
    return evaluate(weights=weights, data=shapes, workers=0, device="cpu", batch_size=7)


@pytest.fixture
def shared_by_one(weights, selection):
    """Measures a data set in this process alone."""

    def run(data, check):
        model = load_model(weights)
        rules = SharedRules(model.meaning.preprocessing, selection, batch_size=2, workers=0)
        return evaluate_shared(TorchRuntime(model.detector(), torch.device("cpu")), data, rules, World(), check)

    return run


def test_a_world_of_one_measures_alone_and_may_stop_between_batches(shapes, whole, shared_by_one):
    checks = []
    data = open_dataset(resolve_data(shapes), "val")
    evaluation = shared_by_one(data, lambda: checks.append(None))
    assert len(checks) == 4
    assert evaluation.counts == whole.counts and evaluation.counts.detections > 0
    assert evaluation.coco.as_plain() == pytest.approx(whole.coco.as_plain(), abs=1e-6)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared_by_one(data, stop)


def test_an_image_that_cannot_be_read_is_named(shapes, shared_by_one, tmp_path):
    data = open_dataset(resolve_data(shapes), "val")
    (tmp_path / "bad.jpg").write_bytes(b"")
    bad = replace(data.samples[3], path=tmp_path / "bad.jpg")
    with pytest.raises(UserError, match=r"bad\.jpg: the file is empty"):
        shared_by_one(replace(data, samples=(*data.samples[:3], bad)), lambda: None)


def test_two_processes_that_share_the_images_measure_as_one(weights, shapes, whole, tmp_path):
    script, output = tmp_path / "program.py", tmp_path / "evaluation.json"
    script.write_text(PROGRAM)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*start, str(script), str(weights), str(shapes), str(output)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert found["counts"] == whole.counts.as_plain()
    assert found["coco"] == pytest.approx(whole.coco.as_plain(), abs=1e-6)
    for (boxes, labels), expected in zip(found["detections"], whole.detections, strict=True):
        assert labels == expected.labels.tolist()
        torch.testing.assert_close(torch.tensor(boxes).reshape(-1, 4), expected.boxes, atol=1e-2, rtol=0)
