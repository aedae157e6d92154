"""A detector as a task: its data, how its network begins, how it is measured and shown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3 import UserError, evaluate
from yolov3.checks.start import warnings_at_start
from yolov3.checks.view import NetworkView
from yolov3.config.experiment import EvaluateSection
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.formats.checkpoint import read_checkpoint, save_checkpoint
from yolov3.journal.rows import DetectionRow
from yolov3.models.contract import DetectionNetwork
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.selecting.postprocess import Selection
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset
from yolov3.structures import ModelMeaning, Preprocessing, Sample, Suppression
from yolov3.training.detection import (
    DetectionScores,
    DetectionTask,
    detection_task,
    grey_batch,
    most_boxes,
    selection_of,
    training_part,
)
from yolov3.training.place import Place
from yolov3.training.run import Stopped
from yolov3.training.task import EpochEnd, Scores

CPU = Place(torch.device("cpu"), torch.float32)


def nothing_to_check() -> None:
    pass


def data_of(count: int, boxes_each: int = 0) -> Dataset:
    """A data set of so many images of which nothing but names and boxes is known."""
    boxes = np.tile(np.array([[0, 0, 5, 5]], np.float32), (boxes_each, 1))
    samples = tuple(
        Sample(
            Path(f"{number}.jpg"), (10, 10), boxes, np.zeros(boxes_each, np.int64), np.zeros(boxes_each, bool),
            boxes[:, 2], number,
        )
        for number in range(count)
    )  # fmt: skip
    return Dataset(samples, ("a",), (1,), DatasetReport(), "the test")


@pytest.mark.parametrize(
    ("images", "count", "chosen"),
    [
        (10, 5, [0, 2, 4, 6, 8]),
        (10, 3, [0, 3, 6]),
        (10, 10, list(range(10))),
        (10, 64, list(range(10))),
        (10, 1, [0]),
        (10, 0, []),
        (1, 4, [0]),
    ],
)
def test_a_part_of_the_training_images_is_spread_evenly(images, count, chosen):
    dataset = data_of(images)
    part = training_part(dataset, count)
    assert [sample.image_id for sample in part.samples] == chosen
    assert part.names == dataset.names and len(dataset) == images


def test_what_counts_in_an_evaluation_is_what_the_settings_say():
    settings = EvaluateSection(
        confidence=0.125, nms_threshold=0.5, max_detections=7, class_agnostic=True, multi_label=False
    )
    suppression = Suppression("diou", 0.7)
    assert selection_of(settings, suppression) == Selection(
        confidence=0.125, nms_threshold=0.5, suppression=suppression, class_agnostic=True, multi_label=False,
        max_detections=7,
    )  # fmt: skip


@pytest.mark.parametrize("boxes_each", [0, 1, 40])
def test_a_grey_batch_is_as_large_as_asked(boxes_each):
    dataset = data_of(2, boxes_each)
    assert most_boxes(dataset) == boxes_each
    batch = grey_batch(dataset, 5, (64, 96), boxes_each=boxes_each)
    assert batch.images.shape == (5, 3, 64, 96) and batch.images.dtype == torch.uint8 and batch.size == (64, 96)
    assert len(batch.targets) == 5 * boxes_each
    assert torch.bincount(batch.targets.image_index, minlength=5).tolist() == [boxes_each] * 5
    assert all(box == [24.0, 16.0, 72.0, 48.0] for box in batch.targets.boxes.tolist())
    assert not batch.targets.ignore.any() and bool((batch.targets.weights == 1).all())


@pytest.mark.parametrize(("mosaic", "joined"), [(0.0, 1), (0.5, 4)])
def test_the_largest_batch_has_the_boxes_of_as_many_images_as_may_be_joined(experiment_of, tmp_path, mosaic, joined):
    task = detection_task(experiment_of(tmp_path, augment={"mosaic": mosaic}), CPU, None)
    fullest = max(len(sample.boxes) for sample in task.training_data.samples)
    batch = task.largest_batch(3, (96, 96))
    assert len(batch) == 3 and len(batch.targets) == 3 * joined * fullest > 0


def beside_data(task: DetectionTask) -> list[str]:
    """The notes of a task that are not about its data, which are few and small here."""
    view = NetworkView(task.meaning.preprocessing, task.network.levels, task.settings.loss)
    of_data = {found.warning for found in warnings_at_start(task.training_data, task.validation_data, view)}
    assert of_data <= set(task.notes())
    return [line for line in task.notes() if line not in of_data]


def test_a_task_tells_what_it_will_learn_from(experiment_of, data, tmp_path):
    task = detection_task(experiment_of(tmp_path), CPU, None)
    training, validation, anchors = task.describe()
    assert training.startswith("train: 20 images, ") and f"6 classes (COCO, train: {data}/annotations" in training
    assert validation.startswith("val: 6 images, ")
    assert re.match(r"boxes are \d+ to \d+ pixels in the network's input .*its strides 32, 16; anchors fit", anchors)
    assert beside_data(task) == []
    assert task.meaning == ModelMeaning(CLASSES, Preprocessing((96, 96)), Suppression())
    assert task.backbone is task.network.backbone and len(task.loader) == 3


def test_a_model_means_what_the_settings_say_of_it(experiment_of, tmp_path):
    model = {"fit": "stretch", "resize": "bilinear", "fill": 0.25, "suppression": "diou", "diou_exponent": 0.75}
    task = detection_task(experiment_of(tmp_path, model=model), CPU, None)
    preprocessing = Preprocessing((96, 96), fit="stretch", resize="bilinear", fill=0.25)
    assert task.meaning == ModelMeaning(CLASSES, preprocessing, Suppression("diou", 0.75))


def write_detector(path: Path, names: tuple[str, ...], **meaning: object) -> Path:
    torch.manual_seed(7)
    network = YOLOv3(variant="yolov3-tiny", width=0.125, num_classes=len(names))
    save_checkpoint(path, network, meaning=ModelMeaning(names, **meaning))
    return path


def test_a_network_begins_with_what_other_weights_have_and_says_so(experiment_of, tmp_path):
    names = ("star", "planet", "ball")
    preprocessing = Preprocessing((64, 96), fit="stretch")
    weights = write_detector(tmp_path / "other.pt", names, preprocessing=preprocessing)
    task = detection_task(experiment_of(tmp_path, train={"weights": str(weights)}), CPU, None)
    given, own = read_checkpoint(weights)["weights"], task.network.state_dict()
    taken = [name for name in own if name.startswith("backbone.")]
    assert taken and all(torch.equal(own[name], given[name]) for name in taken)
    fit, table = beside_data(task)
    assert fit == f"model.fit: stretch, as {weights} has it"
    assert f"started from {weights}" in table and "classes taken: ball, star" in table
    assert task.meaning.preprocessing == Preprocessing((96, 96), fit="stretch")  # the size was given
    assert task.settings.model.fit == task.experiment["model"]["fit"] == "stretch"


def test_a_stopped_task_has_its_networks_kind_and_no_notes(experiment_of, tmp_path):
    weights = write_detector(tmp_path / "stopped.pt", CLASSES)
    stopped = Stopped(weights, read_checkpoint(weights))
    experiment = experiment_of(tmp_path, train={"weights": "/gone/since.pt"}, model={"width": 0.5})
    task = detection_task(experiment, CPU, stopped)
    assert task.network.width == 0.125 and beside_data(task) == []


def test_images_in_both_splits_are_warned_of(experiment_of, data, tmp_path):
    same = {"val": "annotations/instances_train.json", "val_images": "train"}
    warning, *_ = detection_task(experiment_of(tmp_path, data=same), CPU, None).notes()
    assert warning.startswith("warning: 20 images of val in train too, such as ")
    # Where it was asked for nobody is warned.
    assert detection_task(experiment_of(tmp_path, data={"overfit": 4}), CPU, None).notes() == []


def write_cfg(path: Path) -> Path:
    """A detector of two layers that nobody could tell a backbone in."""
    path.write_text(
        "[net]\nwidth=64\nheight=64\nchannels=3\n\n"
        "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=32\npad=1\nactivation=leaky\n\n"
        "[convolutional]\nfilters=6\nsize=1\nstride=1\nactivation=linear\n\n"
        "[yolo]\nmask=0\nanchors=10,14\nclasses=1\nnum=1\n"
    )
    return path


def test_freezing_a_network_without_a_backbone_is_warned_of(experiment_of, tmp_path):
    cfg = write_cfg(tmp_path / "small.cfg")
    for epochs, warnings in ((0, 0), (2, 1)):
        experiment = experiment_of(tmp_path, model={"cfg": str(cfg)}, train={"freeze_backbone": epochs})
        task = detection_task(experiment, CPU, None)
        told = [line for line in beside_data(task) if line.startswith("warning: ")]
        assert len(told) == warnings and task.backbone is None
        if told:
            message = f"warning: train.freeze_backbone does nothing: {cfg} does not say what its backbone is"
            assert told == [message]


def renamed(data: Path, folder: Path, old: str, new: str) -> Path:
    """The annotations of the validation data with another name for a class."""
    content = (data / "annotations" / "instances_val.json").read_text()
    path = folder / "instances_val.json"
    path.write_text(content.replace(f'"{old}"', f'"{new}"'))
    return path


def test_splits_of_other_classes_are_refused(experiment_of, data, tmp_path):
    path = renamed(data, tmp_path, "ball", "globe")
    experiment = experiment_of(tmp_path, data={"val": str(path), "val_images": "val"})
    message = (
        "the classes of the training data (ball, box, star, ring, cone, capsule) and of the validation data (globe, "
    )
    with pytest.raises(UserError, match=re.escape(message)):
        detection_task(experiment, CPU, None)


def test_no_training_images_are_refused(experiment_of, tmp_path):
    empty = write_shapes_dataset(tmp_path / "shapes", train=0, val=2, unseen=0, seed=0)
    with pytest.raises(UserError, match=re.escape(str(empty))):
        detection_task(experiment_of(tmp_path, data={"root": str(empty)}), CPU, None)


@pytest.fixture(scope="module")
def measured(experiment_of, tmp_path_factory):
    """A task, a network that finds all classes everywhere, in the sizes of its anchors, and what the task makes of it."""
    folder = tmp_path_factory.mktemp("measured")
    changes = {"train": {"evaluate_training": 5}, "evaluate": {"max_detections": 600, "batch_size": 4}}
    task = detection_task(experiment_of(folder, **changes), CPU, None)
    torch.manual_seed(3)
    for head in task.network.heads:
        torch.nn.init.normal_(head.predict.weight, std=0.02)
        torch.nn.init.zeros_(head.predict.bias)
    task.network.eval()
    return task, task.judge(task.network, CPU, nothing_to_check)


def test_a_judgement_is_the_evaluation_of_the_same_weights(measured, data, tmp_path):
    task, scores = measured
    save_checkpoint(tmp_path / "w.pt", task.network, meaning=task.meaning)
    alone = evaluate(weights=tmp_path / "w.pt", data=data, max_detections=600, batch_size=3, workers=0, device="cpu")
    assert scores.evaluation.coco == alone.coco and scores.evaluation.voc == alone.voc
    assert (scores.best, scores.ap, scores.ap50) == (alone.coco.ap, alone.coco.ap, alone.coco.ap50) and scores.ap > 0
    assert len(scores.evaluation.detections) == 6
    # The same five of the training images as a data set of their own.
    content = json.loads((data / "annotations" / "instances_train.json").read_text())
    content["images"] = content["images"][::4]
    (tmp_path / "part" / "annotations").mkdir(parents=True)
    (tmp_path / "part" / "val").symlink_to(data / "train")
    kept = {image["id"] for image in content["images"]}
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in kept]
    (tmp_path / "part" / "annotations" / "instances_val.json").write_text(json.dumps(content))
    on_part = evaluate(weights=tmp_path / "w.pt", data=tmp_path / "part", max_detections=600, workers=0, device="cpu")
    assert scores.training_ap == on_part.coco.ap > 0


def test_a_judgement_asks_between_batches_whether_to_stop(measured):
    task, _ = measured
    asked = []
    task.judge(task.network, CPU, lambda: asked.append(1))
    assert len(asked) == 2 + 2  # six and five images, four at a time

    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        task.judge(task.network, CPU, stop)


@pytest.mark.parametrize(
    "changes", [{"train": {"evaluate_training": 0}}, {"data": {"overfit": 4}, "train": {"evaluate_training": 5}}]
)
def test_training_images_are_not_judged_where_it_is_off_or_says_nothing(experiment_of, tmp_path, changes):
    task = detection_task(experiment_of(tmp_path, **changes), CPU, None)
    task.network.eval()
    assert task.judge(task.network, CPU, nothing_to_check).training_ap is None


def test_images_without_any_truth_have_no_ap_and_the_score_0(experiment_of, data, tmp_path):
    content = json.loads((data / "annotations" / "instances_val.json").read_text())
    content["annotations"] = []
    path = tmp_path / "instances_val.json"
    path.write_text(json.dumps(content))
    changes = {"data": {"val": str(path), "val_images": "val"}, "train": {"evaluate_training": 0}}
    task = detection_task(experiment_of(tmp_path, **changes), CPU, None)
    task.network.eval()
    scores = task.judge(task.network, CPU, nothing_to_check)
    assert (scores.best, scores.ap50, scores.ap) == (0.0, None, None)
    row = task.row(EpochEnd(1, [1.0, 2.0, 3.0], scores, 0.1, 0))
    assert row.ap is None and task.numbers(row) == "box 1.000  obj 2.000  cls 3.000"


@pytest.mark.parametrize(
    ("scores", "cells", "words"),
    [
        (None, (None, None, None), ""),
        (Scores(0.5), (None, None, None), ""),
        (DetectionScores(0.25, 0.5, 0.25, None, None), (0.5, 0.25, None), "  AP50 0.500  AP 0.250"),
        (
            DetectionScores(0.25, 0.5, 0.25, 0.75, None),
            (0.5, 0.25, 0.75),
            "  AP50 0.500  AP 0.250 (0.750 on training images)",
        ),
    ],
)
def test_an_epoch_becomes_a_row_and_a_row_becomes_words(measured, scores, cells, words):
    task, _ = measured
    row = task.row(EpochEnd(3, [1.5, 2.5, 3.5], scores, 0.125, 2))
    assert row == DetectionRow(3, 1.5, 2.5, 3.5, *cells, 0.125, 2)
    assert task.numbers(row) == "box 1.500  obj 2.500  cls 3.500" + words


def test_what_is_shown_comes_from_the_evaluation(measured):
    task, scores = measured
    sheet = task.score_sheet(scores)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3 and sheet.std() > 10
    assert task.class_scores(scores) == {row.name: row.ap for row in scores.evaluation.per_class}
    assert task.class_scores(scores).keys() == set(CLASSES)
    assert [row[0] for row in task.table(scores).rows] == [*CLASSES, "all"]
    batch = next(iter(task.loader.epoch(0)))
    assert task.batch_sheet(batch).std() > 10
    for elsewhere in (Scores(0.5), replace(scores, evaluation=None)):  # in all processes but the first
        assert task.score_sheet(elsewhere) is None and task.table(elsewhere) is None
        assert task.class_scores(elsewhere) == {}


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_batches_are_the_same_from_a_cache(experiment_of, tmp_path, cache):
    tasks = [
        detection_task(experiment_of(tmp_path, train={"cache": kind, "balance": 0.5}), CPU, None)
        for kind in ("none", cache)
    ]
    for epoch in (0, 1):
        for plain, cached in zip(*(task.loader.epoch(epoch) for task in tasks), strict=True):
            assert torch.equal(plain.images, cached.images) and plain.paths == cached.paths
            assert torch.equal(plain.targets.boxes, cached.targets.boxes)
    assert (tmp_path / "cache").is_dir() is (cache == "disk")


def test_processes_share_each_batch(experiment_of, tmp_path):
    experiment = experiment_of(tmp_path)
    whole = detection_task(experiment, CPU, None).loader
    places = [Place(CPU.device, CPU.precision, world=World(rank=rank, size=2)) for rank in (0, 1)]
    shares = [detection_task(experiment, place, None).loader for place in places]
    for one, first, second in zip(whole.epoch(0), shares[0].epoch(0), shares[1].epoch(0), strict=True):
        assert len(first) == len(second) == 4
        assert sorted(one.paths) == sorted((*first.paths, *second.paths))


def test_a_network_of_the_task_keeps_the_contract(measured):
    task, _ = measured
    assert isinstance(task.network, DetectionNetwork) and task.objective.levels == task.network.levels
