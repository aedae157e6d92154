"""Training a detector: what it writes, that it repeats itself, learns, starts from other weights and goes on."""

from __future__ import annotations

import csv
import math
import re
import shutil
import signal

import pytest
import torch
import yaml

from yolov3 import UserError, load_model
from yolov3.config.experiment import Experiment, TrainSection
from yolov3.config.loading import build_experiment
from yolov3.evaluation.evaluate import evaluate
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.journal.display import Stopwatch, TrainingDisplay
from yolov3.processes.interruption import Interrupted
from yolov3.processes.world import World, join_world
from yolov3.training.detection import DetectionTask
from yolov3.training.loop import TrainResult, run_training
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
        f"train.batch_size (={batch_size}) must be divisible by train.accumulate times the "
        f"{processes} process{'es' if processes > 1 else ''} "
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


def goes_on(first, capsys, **changes: object) -> tuple[TrainResult, list[str]]:
    """A run gone on with, and what it told."""
    capsys.readouterr()
    result = train(Experiment(), resume=first.folder, changes={"train": changes} if changes else None)
    return result, capsys.readouterr().out.splitlines()


def test_a_run_that_goes_on_says_from_where(experiment_of, tmp_path, capsys):
    """Stopped after the first of the second epoch's three batches."""
    experiment = experiment_of(tmp_path)
    run = start_run(experiment, name="run", resume=None, world=World())

    def stop(epoch: int, loss: float, watch: Stopwatch) -> None:
        if run.state.progress.step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingDisplay, "batch_done", lambda self, *told: stop(*told))
        run_training(run)
    result, told = goes_on(run, capsys)
    assert f"going on from {run.last} at epoch 2/3, batch 2/3, after 4 steps" in told
    assert len(result.history) == 3 and result.was_ended_by is None
    assert not any("instead of" in line for line in told)


def test_a_finished_run_says_so_and_is_left_as_it_is(experiment_of, tmp_path, capsys):
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="run")
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    result, told = goes_on(first, capsys)
    assert told[-1] == f"{first.folder} is finished: epoch 1 was its last"
    assert result.was_ended_by == "epochs" and result.history == first.history
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before


def test_a_finished_run_can_become_longer(experiment_of, tmp_path, capsys):
    """From the new epochs on the learning rate is that of a run that had as many from the beginning."""
    first = train(experiment_of(tmp_path, train={"epochs": 2}), name="run")
    long = train(experiment_of(tmp_path, train={"epochs": 4}), name="long")
    result, told = goes_on(first, capsys, epochs=4)
    rates, wanted = ([row.learning_rate for row in each.history] for each in (result, long))
    assert result.history[:2] == first.history and len(result.history) == 4
    assert rates[2:] == wanted[2:] and rates[1] < rates[2]  # it had fallen to its end and rises again
    assert any(line.startswith("epoch 4/4  ") for line in told)
    factor = (1 + 99 * (1 + math.cos(math.pi * 4 / 9)) / 2) / 100  # the fourth of nine steps after the warm-up
    assert (
        "4 epochs instead of 2: the schedule (cosine) and all else that depends on the end of the run reckon with 4 from "
        f"here on, so that the learning rate goes on with {0.008 * factor:.3g} after 8e-05"
    ) in told
    assert read_checkpoint(result.last)["experiment"]["train"]["epochs"] == 4
    assert yaml.safe_load((result.folder / "config.yaml").read_text())["train"]["epochs"] == 4
    again, told = goes_on(result, capsys, epochs=4)  # as torchrun repeats the command
    assert again.was_ended_by == "epochs" and again.history == result.history


def test_a_longer_run_goes_on_to_the_last_bit_too(fingerprint, experiment_of, tmp_path, capsys):
    """Grown at once, or stopped once more on the way: the same run."""
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="run")
    shutil.copytree(first.folder, tmp_path / "copy")
    goes_on(first, capsys, epochs=3)
    copy = start_run(Experiment(), name="", resume=tmp_path / "copy", world=World(), changes={"train": {"epochs": 3}})
    with pytest.raises(Interrupted), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingDisplay, "batch_done", lambda self, *told: signal.raise_signal(signal.SIGINT))
        run_training(copy)
    assert copy.state.progress.step == 4
    train(Experiment(), resume=copy.folder)  # which now has three epochs of its own
    assert fingerprint(first.folder) == fingerprint(copy.folder)


def test_a_run_without_gain_says_why_it_ended_and_can_go_on(experiment_of, tmp_path, capsys):
    changes = {"epochs": 6, "evaluate_every": 1, "patience": 1}
    first = train(experiment_of(tmp_path, train=changes, optimiser={"learning_rate": 1e-9}), name="run")
    ended = len(first.history)
    assert ended < 6
    reason = f"it ended after epoch {ended}/6, with 1 evaluation without gain in a row (train.patience=1)"
    assert reason in capsys.readouterr().out.splitlines()
    result, told = goes_on(first, capsys)
    assert told[-1] == f"{first.folder} is finished: {reason}" and result.was_ended_by == "patience"
    result, told = goes_on(first, capsys, patience=0)
    assert len(result.history) == 6 and result.was_ended_by is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": {"batch_size": 4}},
            "goes on with its own train.batch_size; only train.epochs and train.patience can",
        ),
        (
            {"model": {"width": 0.5}, "train": {"epochs": 9, "seed": 3}, "recipe": "darknet"},
            "goes on with its own recipe, model.width, train.seed; only train.epochs and train.patience can change",
        ),
        ({"train": {"epochs": 1}}, "has train.epochs=2, which can only grow, found 1"),
    ],
)
def test_what_cannot_change_is_refused_by_name(experiment_of, tmp_path, changes, message):
    first = train(experiment_of(tmp_path, train={"epochs": 2}), name="run")
    before = first.last.read_bytes()
    with pytest.raises(UserError, match=f"^{re.escape(f'{first.last}: {message}')}"):
        train(Experiment(), resume=first.folder, changes=changes)
    assert first.last.read_bytes() == before
    with pytest.raises(UserError, match=r"^command line: unknown key train\.epoch"):
        train(Experiment(), resume=first.folder, changes={"train": {"epoch": 3}})


def test_what_is_the_same_is_no_change(experiment_of, tmp_path):
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="run")
    again = train(Experiment(), resume=first.folder, changes={"train": {"batch_size": 8, "epochs": 1}})
    assert again.history == first.history


def test_the_same_images_are_described_once(experiment_of, tmp_path, capsys):
    train(experiment_of(tmp_path, data={"overfit": 4}, train={"epochs": 1}), name="run")
    told = capsys.readouterr().out
    assert told.count("only the first 4 of 20 images are used") == 1 and "val: the same (data.overfit)" in told


def test_large_images_are_learned_in_tiles_and_measured_so_ever_after(experiment_of, data, tmp_path, capsys):
    """With images in a cache on the disk, too; whoever detects with such a model is told."""
    tiled = {"data": {"tiles": "1x2", "tile_overlap": 0.3}, "model": {"image_size": 64}}
    changes = {"epochs": 1, "evaluate_every": 1, "cache": "disk", "multi_scale": None}
    run = train(experiment_of(tmp_path, **tiled, train=changes), name="run")
    told = capsys.readouterr().out
    assert "20 images cut into 40 tiles (1x2, overlap 0.3)" in told
    assert read_checkpoint(run.last)["training"]["progress"]["images"] == 40
    for where in ({}, {"data": str(data)}):
        measured = evaluate(weights=run.last, workers=0, device="cpu", **where)
        assert measured.as_plain()["settings"]["tiles"] == "1x2, overlap 0.3"
        assert measured.counts.images == 6, "of whole images"
    whole = evaluate(weights=run.last, data=str(data), data_changes=["data.tiles=null"], workers=0, device="cpu")
    assert "tiles" not in whole.as_plain()["settings"]
    longer = train(experiment_of(tmp_path), resume=run.last, changes={"train": {"epochs": 2}})
    assert read_checkpoint(longer.last)["training"]["progress"]["images"] == 40 and len(rows_of(longer.folder)) == 2
    with pytest.raises(UserError, match=r"goes on with its own data\.tiles"):
        train(experiment_of(tmp_path), resume=run.last, changes={"data": {"tiles": "32"}})
