"""Training a detector: what it writes, that it repeats itself, learns, starts from other weights and goes on."""

from __future__ import annotations

import csv
import re
import shutil

import pytest
import torch
import yaml

from yolov3 import UserError, load_model
from yolov3.config.experiment import TrainSection
from yolov3.config.loading import build_experiment
from yolov3.evaluation.evaluate import evaluate
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.processes.world import World, join_world
from yolov3.training.detection import DetectionTask
from yolov3.training.train import check_batch, start_run, train


def rows_of(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "results.csv").read_text().splitlines()))


def test_what_a_run_writes(experiment_of, tmp_path, capsys):
    result = train(experiment_of(tmp_path), name="run")
    told = capsys.readouterr().out
    assert "train: 20 images" in told and "VOC 10+" in told  # the data first, a table per class at the end
    assert result.folder == tmp_path / "run"
    written = {path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*") if path.is_file()}
    assert {"weights/last.pt", "weights/best.pt", "results.csv", "timing.csv", "config.yaml", "curves.png"} <= written
    rows = rows_of(result.folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["metrics/AP"]) for row in rows] == [False, True, True]
    config = yaml.safe_load((result.folder / "config.yaml").read_text())
    assert build_experiment(config, "config.yaml") == experiment_of(tmp_path)
    model = load_model(result.best)
    assert model.names[0] == "ball" and model.meaning.preprocessing.size == (96, 96)
    assert train(experiment_of(tmp_path, train={"epochs": 1}), name="run").folder.name == "run-2"


def test_two_runs_are_equal_whatever_the_workers(fingerprint, experiment_of, tmp_path):
    first = train(experiment_of(tmp_path), name="a").folder
    second = train(experiment_of(tmp_path, train={"workers": 2}), name="b").folder
    assert fingerprint(first) == fingerprint(second)


def test_another_seed_is_another_run(fingerprint, experiment_of, tmp_path):
    first, second = (
        train(experiment_of(tmp_path, train={"epochs": 1, "seed": seed}), name="run").folder for seed in (0, 1)
    )
    assert fingerprint(first) != fingerprint(second)


def test_it_learns(experiment_of, tmp_path):
    plain = {"flip": 0, "hue": 0, "saturation": 1, "exposure": 1, "jitter": 0, "mosaic": 0, "mixup": 0}
    changes = {"data": {"overfit": 4}, "augment": plain, "optimiser": {"learning_rate": 0.004, "weight_decay": 0}}
    changes["train"] = {
        "epochs": 120, "batch_size": 4, "evaluate_every": 120, "checkpoint_epochs": 120, "multi_scale": None,
    }  # fmt: skip
    changes["model"] = {"width": 0.25, "image_size": 128}
    result = train(experiment_of(tmp_path, **changes), name="learn")
    last = rows_of(result.folder)[-1]
    assert float(last["metrics/AP50"]) > 0.9, last


def test_freezing_is_truly_still_and_starting_takes_what_fits(experiment_of, tmp_path):
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="first")
    before = load_model(first.last).network.state_dict()
    changes = {"train": {"epochs": 1, "weights": str(first.last), "freeze_backbone": 1, "ema": 0.0}}
    second = train(experiment_of(tmp_path, **changes), name="second")
    after = load_model(second.last).network.state_dict()
    still = [name for name in before if name.startswith("backbone.")]
    assert still and all(torch.equal(before[name], after[name]) for name in still)
    assert not torch.equal(before["heads.0.predict.weight"], after["heads.0.predict.weight"])


def test_weights_of_another_architecture_are_refused(experiment_of, tmp_path):
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="first")
    changes = {"model": {"width": 0.25}, "train": {"weights": str(first.last)}}
    with pytest.raises(UserError, match="weights of another network"):
        train(experiment_of(tmp_path, **changes), name="second")
    assert not (tmp_path / "second").exists()


def test_a_run_that_goes_on_keeps_its_own_experiment(experiment_of, tmp_path, capsys):
    first = train(experiment_of(tmp_path, train={"epochs": 1, "evaluate_every": 1}), name="run")
    written = first.last.read_bytes()
    other = experiment_of(tmp_path / "other", model={"width": 0.25}, train={"epochs": 7})
    again = train(other, name="other", resume=first.folder)
    assert again.folder == first.folder and again.history == first.history and len(again.history) == 1
    assert again.best_score == first.best_score and first.last.read_bytes() == written
    assert not (tmp_path / "other").exists()


def test_resuming_a_finished_model_is_refused(experiment_of, tmp_path):
    experiment = experiment_of(tmp_path, train={"epochs": 1, "evaluate_every": 1})
    result = train(experiment, name="run")
    with pytest.raises(UserError, match=re.escape(f"{result.best}: holds a finished model, not a run")):
        train(experiment, resume=result.best)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"root": "/nowhere"}}, "/nowhere: the folder of the data set does not exist"),
        ({"train": {"weights": "/nowhere.pt"}}, "/nowhere.pt: no such weights file"),
        ({"train": {"device": "cuda:7"}}, "device 'cuda:7' was asked for, but torch sees 0 CUDA devices here"),
        ({"train": {"device": "cpu", "precision": "float16"}}, "precision float16 needs a GPU"),
        ({"train": {"name": "a/b"}}, "the name of a run must be the name of one folder"),
    ],
)
def test_nothing_is_written_before_all_is_checked(experiment_of, tmp_path, monkeypatch, changes, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=re.escape(message)):
        train(experiment_of(tmp_path / "runs", **changes))
    assert not list((tmp_path / "runs").glob("*"))


def test_a_run_stands_ready_before_its_first_step(experiment_of, tmp_path):
    run = start_run(experiment_of(tmp_path), name="run", resume=None, world=World())
    assert run.folder == tmp_path / "run" and sorted(path.name for path in run.folder.iterdir()) == [
        "config.yaml",
        "weights",
    ]
    assert run.state.progress.loss_sums == [0.0, 0.0, 0.0] and run.state.progress.step == 0
    assert (run.best, run.last) == (run.folder / "weights" / "best.pt", run.folder / "weights" / "last.pt")


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "processes", "possible"),
    [(8, 1, 1, True), (8, 2, 4, True), (8, 8, 1, True), (8, 3, 1, False), (8, 2, 8, False), (1, 1, 2, False)],
)
def test_a_batch_is_divisible_or_refused(batch_size, accumulate, processes, possible):
    settings = TrainSection(batch_size=batch_size, accumulate=accumulate)
    if possible:
        check_batch(settings, World(size=processes))
        return
    message = (
        f"train.batch_size (={batch_size}) must be divisible by train.accumulate times the {processes} processes "
        f"(={accumulate * processes})"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        check_batch(settings, World(size=processes))


def test_a_division_is_kept_by_the_run_and_holds_ever_after(experiment_of, data, tmp_path, capsys):
    root = tmp_path / "undivided"
    shutil.copytree(data / "train", root / "images")
    shutil.copy(data / "annotations" / "instances_train.json", root / "result.json")
    settings = {"data": {"root": str(root), "val_share": 0.25}, "train": {"epochs": 1, "evaluate_every": 1}}
    folder = train(experiment_of(tmp_path, **settings), name="run").folder
    listed = {name: (folder / f"{name}.txt").read_text().split() for name in ("train", "val")}
    assert len(listed["val"]) in (5, 6) and len(listed["train"] + listed["val"]) == 20
    assert f"lists: {folder}" in (folder / "config.yaml").read_text()
    content = read_checkpoint(folder / "weights" / "last.pt")
    assert content["experiment"]["data"]["lists"] == str(folder)
    moved = folder.rename(tmp_path / "moved")
    capsys.readouterr()
    evaluation = evaluate(weights=moved / "weights" / "best.pt", device="cpu", workers=0)
    assert evaluation.settings is not None and evaluation.settings.images == len(listed["val"])
    with join_world() as world:
        run = start_run(experiment_of(tmp_path), name="run", resume=moved, world=world)
    assert isinstance(run.task, DetectionTask) and run.folder == moved
    names = [sample.path.relative_to(root).as_posix() for sample in run.task.validation_data.samples]
    assert sorted(names) == sorted(listed["val"]) and len(run.task.training_data) == len(listed["train"])
