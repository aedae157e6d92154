"""Whether a network can learn: a small one learns generated images; from labels that contradict each other it does not, and
is told which term of the loss says so."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment
from yolov3.doctor.learning.trial import RATES, STEPS, small_size, try_to_learn
from yolov3.errors import UserError
from yolov3.loss import detection_loss
from yolov3.prediction_layout import BOX
from yolov3.watching.watcher import Watcher

ANCHORS = [[[115, 120], [140, 144], [178, 175]], [[68, 84], [84, 68], [90, 94]]]  # of an input of 416


def experiment_of(root: Path, **model: Any) -> Experiment:
    settings: dict[str, Any] = {
        "data": {"root": str(root)},
        "model": {"variant": "yolov3-tiny", "width": 0.25, "image_size": 416, "anchors": ANCHORS, **model},
        "train": {"device": "cpu", "norm_momentum": 0.01},
    }
    return build_experiment(settings, "the test")


def test_a_small_network_learns(folder):
    trial = try_to_learn(experiment_of(folder), side=128)
    assert trial.learnt and trial.ap50 > 0.9 and trial.attainable > 0.99, trial
    assert trial.high is None and trial.fault is None and "it can learn" in trial.verdict
    assert (trial.images, trial.size) == (8, (128, 128)) and trial.steps % 50 == 0
    assert [term.name for term in trial.terms] == ["box", "objectness", "classes"]
    assert all(term.left < 0.25 for term in trial.terms), trial.terms
    assert json.loads(json.dumps(trial.as_plain()))["learnt"] is True


@pytest.fixture(scope="module")
def contradicting(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of four images twice, and each thing in it of one class here and of the next there."""
    root = tmp_path_factory.mktemp("contradicting")
    shutil.copytree(folder, root, dirs_exist_ok=True)
    path = root / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    ids = sorted({each["id"] for each in content["categories"]})
    images, truths = content["images"][:4], content["annotations"]
    twins, doubled = [], []
    for image in images:
        twin = {**image, "id": image["id"] + 1000, "file_name": f"twin_{image['file_name']}"}
        shutil.copy(root / "train" / image["file_name"], root / "train" / twin["file_name"])
        twins.append(twin)
        for truth in truths:
            if truth["image_id"] == image["id"]:
                other = ids[(ids.index(truth["category_id"]) + 1) % len(ids)]
                doubled.append({**truth, "id": truth["id"] + 1000, "image_id": twin["id"], "category_id": other})
    kept = [truth for truth in truths if truth["image_id"] in {image["id"] for image in images}]
    path.write_text(json.dumps({**content, "images": [*images, *twins], "annotations": [*kept, *doubled]}))
    return root


def test_labels_that_contradict_each_other_are_not_learnt(contradicting):
    trial = try_to_learn(experiment_of(contradicting), side=128, steps=120)
    assert trial.images == 8 and not trial.learnt
    assert trial.high == "classes", trial
    assert "the term classes of the loss stays high" in trial.verdict and "look alike" in trial.verdict


class Busy(Watcher):
    """Something that takes the processor for a while at each step."""

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        time.sleep(0.05)


def test_a_busy_machine_says_the_same_and_nothing_is_written(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trial = try_to_learn(experiment_of(folder), side=64, steps=12)
    assert try_to_learn(experiment_of(folder), side=64, steps=12, watcher=Busy()) == trial
    assert trial.steps == 12 and not trial.learnt and list(tmp_path.iterdir()) == []


def test_boxes_whose_gradient_is_cut_are_named(folder, monkeypatch):
    """As by a mistake in a loss: the network answers, and nothing of its boxes is learned."""

    def cut(raw, *more, **named):
        return detection_loss([torch.cat((m[..., BOX].detach(), m[..., 4:]), dim=-1) for m in raw], *more, **named)

    monkeypatch.setattr("yolov3.training.objective.detection_loss", cut)
    far = experiment_of(folder, anchors=[[[250, 60], [280, 50], [300, 70]], [[60, 250], [50, 280], [40, 240]]])
    trial = try_to_learn(far, side=64, steps=150)
    assert not trial.learnt and trial.high == "box" and "the term box of the loss stays high" in trial.verdict, trial


def test_a_term_without_weight_is_named(folder):
    experiment = experiment_of(folder)
    loss = experiment.loss.model_copy(update={"class_weight": 0.0})
    trial = try_to_learn(experiment.model_copy(update={"loss": loss}), side=64, steps=50)
    assert not trial.learnt and trial.high == "classes"
    assert trial.verdict.endswith(
        "the term classes is 0 in the loss, so that nothing of it is learned: loss.class_weight says so"
    )


def test_what_shares_a_place_is_not_asked_for(folder, tmp_path):
    """Each object a second time, a little larger: of the two in a place one can be learned, and that is enough."""
    root = tmp_path / "doubled"
    shutil.copytree(folder, root)
    path = root / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    more = []
    for entry in content["annotations"]:
        x, y, width, height = entry["bbox"]
        more.append({**entry, "id": entry["id"] + 1000, "bbox": [x, y, width * 0.97, height * 0.97]})
    path.write_text(json.dumps({**content, "annotations": content["annotations"] + more}))
    trial = try_to_learn(experiment_of(root), side=128)
    assert 0.4 < trial.attainable < 0.7 and trial.learnt and "it can learn" in trial.verdict, trial
    assert f"of {trial.attainable:.3f}, since objects that share a place" in trial.verdict
    assert trial.ap50 <= trial.attainable + 0.05


def test_numbers_that_are_not_finite(folder, monkeypatch):
    monkeypatch.setattr(
        "yolov3.doctor.learning.trial.RATES", RATES.model_copy(update={"learning_rate": 1e30, "gradient_clip": 0.0})
    )
    trial = try_to_learn(experiment_of(folder), side=64, steps=60)
    assert trial.fault is not None and "not finite" in trial.verdict and trial.high is None and trial.steps < 60


def test_an_interruption_ends_it(folder):
    class Impatient(Watcher):
        def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
            assert (total, text is not None) == (STEPS, True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try_to_learn(experiment_of(folder), side=64, watcher=Impatient())


def test_what_cannot_be_tried_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="at least 1, found 0"):
        try_to_learn(experiment_of(folder), images=0)
    root = tmp_path / "bare"
    shutil.copytree(folder, root)
    path = root / "annotations" / "instances_train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    with pytest.raises(UserError, match="no image has a label"):
        try_to_learn(experiment_of(root))


def test_small_sizes():
    assert small_size((416, 416), 224, 32) == (224, 224)
    assert small_size((128, 128), 224, 32) == (128, 128)
    assert small_size((320, 640), 224, 32) == (128, 224)
    assert small_size((416, 416), 10, 64) == (64, 64)
