"""A classifier learns from class folders by the loop of the detectors, and a detector starts from its backbone."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from yolov3 import UserError, load_model
from yolov3.config.experiment import ModelSection
from yolov3.datasets.class_folders import ClassFolders, read_class_folders
from yolov3.formats.build import begin, build_detector, open_start
from yolov3.formats.checkpoint import read_checkpoint, save_checkpoint
from yolov3.images.files import read_image
from yolov3.journal.rows import ClassificationRow
from yolov3.models.classifier import Darknet53Classifier
from yolov3.processes.world import World
from yolov3.structures import ModelMeaning, Preprocessing
from yolov3.training.classification import (
    Accuracy,
    ClassificationTask,
    ClassifierChanges,
    ClassifierOptions,
    train_classifier,
)
from yolov3.training.place import Place
from yolov3.training.task import EpochEnd, Scores

CPU = Place(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def learned(classifier_of, tmp_path_factory):
    """A run of ten epochs that learned to tell red from blue."""
    return train_classifier(**classifier_of(tmp_path_factory.mktemp("learned"), epochs=10))


def test_it_learns(learned):
    losses = [
        row.cross_entropy for row in learned.history
    ]  # of two steps each, with varied images: they go up and down
    assert learned.best_score == 1.0 and min(losses[-5:]) < losses[0]
    best = load_model(learned.best)
    assert best.names == ("blue", "red") and best.meaning.preprocessing == Preprocessing((32, 32))
    assert best.network.width == 0.0625


def test_what_a_run_writes(learned, class_folders):
    folder = learned.folder
    assert (learned.best, learned.last) == (folder / "weights" / "best.pt", folder / "weights" / "last.pt")
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert list(rows[0]) == list(ClassificationRow.columns())
    assert [row["epoch"] for row in rows] == [str(number) for number in range(1, 11)]
    assert all(row["metrics/top1"] and row["metrics/top5"] == "1.0" for row in rows)
    assert [float(row["train/cross_entropy"]) for row in rows] == [row.cross_entropy for row in learned.history]
    config = yaml.safe_load((folder / "config.yaml").read_text())["classifier"]
    assert config.keys() == {each.name for each in fields(ClassifierOptions)}
    assert (config["data"], config["width"], config["epochs"]) == (str(class_folders), 0.0625, 10)
    for name in ("timing.csv", "curves.png", "weights/last-previous.pt"):
        assert (folder / name).is_file()


def test_two_runs_are_equal_whatever_the_workers(fingerprint, classifier_of, tmp_path):
    first, second = (train_classifier(**classifier_of(tmp_path, workers=workers)).folder for workers in (0, 2))
    assert second.name == "run-2" and fingerprint(first) == fingerprint(second)


def test_a_stopped_run_goes_on_to_the_last_bit(fingerprint, classifier_of, tmp_path):
    slow = {"epochs": 6, "width": 0.25, "side": 64}  # so that there is a step to be stopped in
    whole = train_classifier(**classifier_of(tmp_path / "whole", **slow)).folder
    options = {**classifier_of(tmp_path, **slow), "workers": 1}
    code = (
        "import sys; from yolov3.training.classification import train_classifier\n"
        "from yolov3.processes.interruption import Interrupted\n"
        f"try: train_classifier(**{options!r})\n"
        "except Interrupted as stop: print(stop, stop.folder); sys.exit(stop.exit_code)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "epoch 2/6" in line:  # somewhere in the third epoch
                time.sleep(0.02)
                process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    run = tmp_path / "run"
    assert said[-1] == f"stopped by SIGINT {run}\n"
    stopped = read_checkpoint(run / "weights" / "last.pt")["training"]["progress"]
    assert 6 <= stopped["step"] < 18
    result = train_classifier(resume=run)
    assert result.folder == run and fingerprint(run) == fingerprint(whole)


def copied(learned, folder: Path) -> Path:
    """A run that may be changed, with a checkpoint after its last epoch."""
    run = folder / "run"
    (run / "weights").mkdir(parents=True)
    for name in ("weights/last.pt", "weights/last.pt.sha256", "results.csv"):
        (run / name).write_bytes((learned.folder / name).read_bytes())
    return run


def test_a_run_goes_on_with_more_epochs(learned, tmp_path, capsys):
    run = copied(learned, tmp_path)
    result = train_classifier(resume=run, epochs=12)
    told = capsys.readouterr().out
    assert "epoch 11/12" in told and "epoch 12/12" in told and "epoch 10/12" not in told
    assert result.history[:10] == learned.history and [row.epoch for row in result.history[10:]] == [11, 12]
    stored = read_checkpoint(result.last)
    assert stored["experiment"]["classifier"]["epochs"] == 12 and stored["training"]["progress"]["step"] == 36
    again = train_classifier(resume=result.last)  # which are then its own
    assert again.history == result.history


def test_a_run_may_go_on_elsewhere(learned, class_folders, tmp_path):
    """On data that was moved, with other workers, on another device."""
    run = copied(learned, tmp_path)
    (tmp_path / "moved").symlink_to(class_folders)
    changes: ClassifierChanges = {"data": str(tmp_path / "moved"), "workers": 1, "epochs": 11, "device": "cpu"}
    result = train_classifier(resume=run, **changes, precision="float32")
    assert len(result.history) == 11
    options = read_checkpoint(result.last)["experiment"]["classifier"]
    assert {name: options[name] for name in changes} == dict(changes) and options["width"] == 0.0625


def test_what_makes_a_run_what_it_is_cannot_change(learned, tmp_path):
    run = copied(learned, tmp_path)
    message = "goes on with its own width, side; only data, epochs, workers, device, precision can change"
    with pytest.raises(UserError, match=f"^{re.escape(f'{run}/weights/last.pt: {message}')}$"):
        train_classifier(resume=run, width=0.5, side=64, epochs=12)


@pytest.mark.parametrize(
    ("names", "told"),
    [(("blue", "green"), "without red and with green more"), (("blue", "green", "red"), "with green more")],
)
def test_other_classes_are_refused(learned, class_folders, tmp_path, names, told):
    run = copied(learned, tmp_path)
    before = (run / "weights" / "last.pt").read_bytes()
    for split in ("train", "val"):
        (tmp_path / "other" / split).mkdir(parents=True)
        for name in names:
            source = class_folders / split / ("blue" if name == "blue" else "red")
            (tmp_path / "other" / split / name).symlink_to(source)
    message = f"{tmp_path}/other: the classes are not those of {run}/weights/last.pt, but {told}; the weights mean"
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        train_classifier(resume=run, data=str(tmp_path / "other"))
    assert (run / "weights" / "last.pt").read_bytes() == before


def write_last(folder: Path, experiment, training) -> Path:
    """A checkpoint of a classifier with this content."""
    (folder / "weights").mkdir(parents=True)
    path = folder / "weights" / "last.pt"
    meaning = ModelMeaning(("blue", "red"), Preprocessing((32, 32)))
    network = Darknet53Classifier(num_classes=2, width=0.0625)
    save_checkpoint(path, network, meaning=meaning, experiment=experiment, training=training)
    return path


@pytest.mark.parametrize(
    ("stored", "training", "message"),
    [
        # as classifiers were stored before they shared the loop: no options, an epoch instead of a position
        (None, {"optimiser": {}, "epoch": 3, "best": [0.5, 1.0]}, "holds no experiment to resume"),
        ("own", {"optimiser": {}, "epoch": 3, "best": [0.5, 1.0]}, "holds a finished model, not a run that can be"),
        ("own", None, "holds a finished model, not a run that can be resumed (use weights/last.pt)"),
        ({"train": {"epochs": 3}}, None, "holds no classifier's training that can be resumed"),
        ({"classifier": {"data": "x"}}, None, "holds no classifier's training that can be resumed"),
        ({"classifier": "words"}, None, "holds no classifier's training that can be resumed"),
    ],
)
def test_what_is_no_stopped_classifier_is_refused_in_one_line(classifier_of, tmp_path, stored, training, message):
    if stored == "own":
        stored = {"classifier": asdict(ClassifierOptions(**classifier_of(tmp_path)))}
    path = write_last(tmp_path / "run", stored, training)
    with pytest.raises(UserError, match=re.escape(f"{path}: {message}")) as caught:
        train_classifier(resume=path)
    assert "\n" not in str(caught.value)


def test_the_best_weights_are_no_run(learned):
    with pytest.raises(UserError, match=re.escape(f"{learned.best}: holds a finished model, not a run")):
        train_classifier(resume=learned.best)


def test_a_run_that_torchrun_starts_again_goes_on_with_its_own_options(classifier_of, tmp_path, monkeypatch):
    """torchrun repeats the very command that began the run, with all its options."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    options = classifier_of(tmp_path)
    first = train_classifier(**options)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    again = train_classifier(**options)
    assert again.folder == first.folder.resolve() and again.history == first.history


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 100}, "the side of the input must be a multiple of 32, found 100"),
        ({"side": 0}, "the side of the input must be a multiple of 32, found 0"),
        ({"width": 0.0}, "the width must be above 0, found 0.0"),
        ({"width": float("nan")}, "the width must be above 0, found nan"),
        ({"epochs": 0}, "the classifier: epochs: found 0; input should be greater than or equal to 1"),
        ({"batch_size": 0}, "the classifier: batch_size: found 0; input should be greater than or equal to 1"),
        ({"workers": -1}, "the classifier: workers: found -1; input should be greater than or equal to 0"),
        ({"learning_rate": 0.0}, "the classifier: learning_rate: found 0.0; input should be greater than 0"),
        ({"precision": "float8"}, 'the classifier: precision: found "float8" (did you mean float32?); input should'),
        ({"device": "tpu"}, "device 'tpu' is not known"),
        ({"data": "/nowhere"}, "/nowhere/train: the folder does not exist"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(classifier_of, tmp_path, changes, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        train_classifier(**classifier_of(tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_unknown_classes_in_the_validation_data_are_named(classifier_of, class_folders, tmp_path):
    (tmp_path / "train").symlink_to(class_folders / "train")
    (tmp_path / "val" / "green").mkdir(parents=True)
    message = f"{tmp_path}/val: class folders that the training data does not have: green"
    with pytest.raises(UserError, match=re.escape(message)):
        train_classifier(**classifier_of(tmp_path / "runs", data=str(tmp_path)))


def test_the_folder_is_named_after_the_data_where_no_name_is_given(classifier_of, class_folders, tmp_path):
    data = str(class_folders / "train" / "..")
    options = classifier_of(tmp_path, epochs=1, data=data, name=None)
    assert train_classifier(**options).folder == tmp_path / class_folders.name


def test_the_settings_that_every_training_has(classifier_of, tmp_path):
    options = ClassifierOptions(**classifier_of(tmp_path, seed=3, weight_decay=0.25, warmup_epochs=2.0))
    settings, rates = options.sections()
    assert (settings.epochs, settings.batch_size, settings.seed, settings.output) == (2, 8, 3, str(tmp_path))
    assert (settings.ema, settings.evaluate_every, settings.norm_momentum) == (0.0, 1, 0.1)
    assert (rates.learning_rate, rates.weight_decay) == (0.01, 0.25)
    assert (rates.warmup_epochs, rates.warmup_power, rates.schedule) == (2.0, 1.0, "cosine")


def test_a_batch_that_processes_cannot_share_is_refused(classifier_of, tmp_path, monkeypatch):
    from contextlib import contextmanager

    from yolov3.training import classification

    @contextmanager
    def join_world():
        yield World(rank=0, size=3)

    monkeypatch.setattr(classification, "join_world", join_world)
    with pytest.raises(UserError, match=re.escape("train.batch_size (=8) must be divisible by")):
        train_classifier(**classifier_of(tmp_path))


class Colours(nn.Module):
    """Logits of seven classes: the first three are how red, green and blue an image is, then less and less."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=(2, 3))
        return torch.cat((means, torch.tensor([[-1.0, -2.0, -3.0, -4.0]]).expand(len(images), 4)), dim=1)


@pytest.fixture
def seven(class_folders) -> ClassificationTask:
    """A task of seven classes, of whose validation images four are blue and four are red."""
    names = ("red", "green", "blue", "a", "b", "c", "d")
    paths = read_class_folders(class_folders / "val").paths
    labels = tuple(names.index(path.parent.name) for path in paths)
    validation = ClassFolders((*paths, *paths[:2]), (*labels, 4, 6), names)  # two are called what they are not
    options = ClassifierOptions(data="none", side=32, batch_size=4, workers=0)
    network = Darknet53Classifier(num_classes=7, width=0.0625)
    return ClassificationTask(options, network, validation, validation, CPU)


def test_accuracies_are_shares_of_the_validation_images(seven):
    """Eight of ten are the likeliest class; 'b' is the fifth likeliest of all images, 'd' the last."""
    network = Colours()
    network.train()
    asked = []
    found = seven.judge(network, CPU, lambda: asked.append(1))
    assert found == Accuracy(pytest.approx(0.8), pytest.approx(0.9))
    assert len(asked) == 3 and network.training  # ten images, four at a time; its mode is as it was


def test_a_judgement_looks_at_the_middle_of_the_images(learned, class_folders):
    """The slow way: each image alone, its middle square cut by hand."""
    import cv2

    model = load_model(learned.best)
    validation = read_class_folders(class_folders / "val")
    hits = 0
    for path, label in zip(validation.paths, validation.labels):
        image = read_image(path)  # 40x50: the square of 40 / 1.125
        square = cv2.resize(image[2:38, 7:43], (32, 32), interpolation=cv2.INTER_AREA)
        with torch.no_grad():
            logits = model.network(torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255)
        hits += int(logits.argmax() == label)
    options = ClassifierOptions(data="none", side=32, batch_size=3, workers=0)
    task = ClassificationTask(options, model.network, validation, validation, CPU)
    assert task.judge(model.network, CPU, lambda: None).best == hits / len(validation) > 0


def test_fewer_classes_than_five_are_all_among_the_likeliest(learned):
    assert {row.top5 for row in learned.history} == {1.0}


@pytest.mark.parametrize(
    ("scores", "cells", "words"),
    [
        (None, (None, None), "loss 0.500"),
        (Scores(0.5), (None, None), "loss 0.500"),
        (Accuracy(0.25, 0.75), (0.25, 0.75), "loss 0.500  top-1 0.250  top-5 0.750"),
    ],
)
def test_an_epoch_becomes_a_row_and_a_row_becomes_words(seven, scores, cells, words):
    row = seven.row(EpochEnd(3, [0.5], scores, 0.125, 2))
    assert row == ClassificationRow(3, 0.5, *cells, 0.125, 2)
    assert seven.numbers(row) == words


def test_the_largest_batch_is_as_large_as_asked(seven):
    batch = seven.largest_batch(5, (64, 64))
    assert batch.images.shape == (5, 3, 64, 64) and batch.images.dtype == torch.uint8 and batch.size == (64, 64)
    assert len(batch.labels) == len(batch.paths) == len(batch) == 5
    assert seven.describe() == ["10 training and 10 validation images of 7 classes"]


def test_a_detector_starts_from_its_backbone(learned):
    classifier = load_model(learned.best)
    model = ModelSection(width=0.0625)
    detector = build_detector(model, num_classes=3)
    report = begin(detector, open_start(str(learned.best), model), names=("a", "b", "c"))
    own, given = detector.state_dict(), classifier.network.state_dict()
    names = [name for name in given if name.startswith("backbone.")]
    assert names and all(torch.equal(own[name], given[name]) for name in names)
    assert "backbone" in str(report) and "classes that start anew: a, b, c" in str(report)
    with pytest.raises(UserError, match="is no detector"):
        classifier.detector()
