"""The loop: stopping and going on, what is kept and when, steps whose numbers are not finite."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import torch
import yaml

from yolov3 import UserError, load_model
from yolov3.datasets.class_folders import read_class_folders
from yolov3.formats.checkpoint import read_checkpoint, save_checkpoint
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.darknet_tiny import DarknetTiny
from yolov3.processes.interruption import Interrupted
from yolov3.processes.world import World
from yolov3.structures import ModelMeaning
from yolov3.training import loop
from yolov3.training.classification import Accuracy, ClassificationTask, ClassifierOptions
from yolov3.training.loop import run_training
from yolov3.training.place import Place
from yolov3.training.run import Run, open_run, prepare_network
from yolov3.training.train import train

ENDED = {signal.SIGINT: 130, signal.SIGTERM: 143}


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "results.csv").read_text().splitlines()))


def started(config: Path, *, start_new_session: bool = False) -> subprocess.Popen[str]:
    """A training in a process of its own, for signals."""
    command = [sys.executable, "-m", "yolov3", "train", str(config)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=start_new_session
    )


@pytest.fixture(scope="module")
def whole(experiment_of, tmp_path_factory) -> Path:
    """The folder of a run that nobody stopped."""
    return train(experiment_of(tmp_path_factory.mktemp("whole")), name="run").folder


@pytest.mark.parametrize("number", ENDED)
def test_a_stopped_run_goes_on_as_if_nothing_had_been(fingerprint, whole, experiment_of, settings_of, tmp_path, number):
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump(settings_of(tmp_path, train={"workers": 1})))
    run = tmp_path / "experiment"
    with started(config) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 1/3" in line:  # somewhere in the second epoch
                time.sleep(0.05)
                process.send_signal(number)
        assert process.wait() == ENDED[number]
    assert read_checkpoint(run / "weights" / "last.pt")["training"]["progress"]["step"] < 9
    train(experiment_of(tmp_path), resume=run)
    assert fingerprint(run) == fingerprint(whole)


def test_a_second_ctrl_c_stops_at_once(settings_of, tmp_path):
    """The first one waits for a safe place, which here is a long way off."""
    config = tmp_path / "experiment.yaml"
    long = {"epochs": 1, "batch_size": 20, "multi_scale": None}
    config.write_text(yaml.safe_dump(settings_of(tmp_path, train=long, model={"width": 1.0, "image_size": 1056})))
    with started(config) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "writing to" in line:
                time.sleep(2)
                process.send_signal(signal.SIGINT)
                time.sleep(1)
                process.send_signal(signal.SIGINT)
                sent = time.monotonic()
        assert process.wait() == 130
    assert time.monotonic() - sent < 20  # that one step takes longer
    assert not (tmp_path / "experiment" / "weights" / "last.pt").exists()


def test_a_press_that_comes_twice_is_one_and_loses_nothing(settings_of, tmp_path):
    """So `timeout` sends it: to the program and at once to its group. A step that takes longer than a second press would
    be waited for is finished and saved."""
    config = tmp_path / "experiment.yaml"
    long = {"epochs": 9, "batch_size": 8, "multi_scale": None, "evaluate_every": 9}
    config.write_text(yaml.safe_dump(settings_of(tmp_path, train=long, model={"width": 0.5, "image_size": 608})))
    with started(config, start_new_session=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "writing to" in line:
                time.sleep(1)
                process.send_signal(signal.SIGINT)
                time.sleep(0.1)  # else the system makes one of both
                os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130
    assert said[-1].startswith("stopped by SIGINT; everything is saved"), said
    progress = read_checkpoint(tmp_path / "experiment" / "weights" / "last.pt")["training"]["progress"]
    assert progress["step"] >= 1


def test_a_run_of_another_thread_is_left_to_run(experiment_of, tmp_path):
    """Python gives signals to the main thread alone; training elsewhere must not trip over that."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(train, experiment_of(tmp_path, train={"epochs": 1}), name="run").result()
    assert len(result.history) == 1 and result.last.is_file()


class Scripted(ClassificationTask):
    """A classifier whose scores are told beforehand."""

    told: Iterator[float]

    def judge(self, network: torch.nn.Module, place: Place, check: Callable[[], None]) -> Accuracy:
        return Accuracy(next(self.told), super().judge(network, place, check).top5)


@pytest.fixture
def scripted(classifier_of, class_folders, tmp_path) -> Callable[..., Run]:
    """A function of the scores of all epochs and of changed settings of the training: a run that is ready."""

    def make(*told: float, **changes: object) -> Run:
        options = ClassifierOptions(**classifier_of(tmp_path, epochs=len(told)))
        settings, rates = options.sections()
        settings = settings.model_copy(update=changes)
        place = Place.of(settings, World())
        torch.manual_seed(0)
        network = prepare_network(Darknet53Classifier(num_classes=2, width=options.width), settings, place)
        parts = [read_class_folders(class_folders / name) for name in ("train", "val")]
        task = Scripted(options, network, *parts, place)
        task.told = iter(told)
        return open_run(task, settings, rates, place, name="run", stopped=None)

    return make


def test_the_best_weights_are_those_of_the_best_score(scripted):
    run = scripted(0.2, 0.5, 0.4, 0.5)
    weights_after = []
    original = run.task.row

    def row(end):
        weights_after.append({name: tensor.clone() for name, tensor in run.state.network.state_dict().items()})
        return original(end)

    run.task.row = row
    result = run_training(run)
    best = load_model(result.best).network.state_dict()
    assert result.best_score == 0.5 and run.state.progress.best_epoch == 1
    for epoch, weights in enumerate(weights_after):  # of two equal scores the first one counts
        assert all(torch.equal(best[name], weights[name]) for name in best) is (epoch == 1)
    assert read_checkpoint(result.best)["training"] is None
    assert [float(row["metrics/top1"]) for row in rows_of(result.folder)] == [0.2, 0.5, 0.4, 0.5]


def test_what_is_measured_is_what_is_shipped(scripted):
    """The average of the weights, where there is one."""
    run, measured = scripted(0.5, ema=0.9), []
    original = run.task.judge

    def judge(network, place, check):
        measured.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return original(network, place, check)

    run.task.judge = judge
    result = run_training(run)
    for path in (result.best, result.last):
        shipped = load_model(path).network.state_dict()
        assert all(torch.equal(shipped[name], tensor) for name, tensor in measured[0].items())
    last = run.state.network.state_dict()
    assert any(not torch.equal(last[name], tensor) for name, tensor in measured[0].items())


@pytest.mark.parametrize(
    ("scores", "patience", "epochs"),
    [
        ((0.1, 0.1, 0.1, 0.1, 0.1), 2, 3),
        ((0.1, 0.1, 0.2, 0.1, 0.1, 0.9), 2, 5),
        ((0.1, 0.1, 0.1), 0, 3),
        ((0.1, 0.2, 0.3), 1, 3),
    ],
)
def test_a_run_without_gain_ends_when_patience_does(scripted, scores, patience, epochs):
    result = run_training(scripted(*scores, patience=patience))
    assert len(result.history) == len(rows_of(result.folder)) == epochs
    assert read_checkpoint(result.last)["training"]["progress"]["epoch"] == epochs


def test_scores_come_where_they_are_due_and_at_the_end(scripted):
    result = run_training(scripted(0.1, 0.2, 0.3, 0.4, 0.5, evaluate_every=2))
    assert [row.top1 for row in result.history] == [None, 0.1, None, 0.2, 0.3]


def test_the_last_checkpoint_is_written_as_often_as_asked(scripted, monkeypatch):
    from yolov3.training import loop

    positions = []

    def save(path, network, *, training, **more):
        if training is not None:
            progress = training["progress"]
            positions.append((progress["epoch"], progress["batch"]))
        save_checkpoint(path, network, training=training, **more)

    monkeypatch.setattr(loop, "save_checkpoint", save)
    run_training(scripted(*[0.1] * 5, checkpoint_epochs=2))
    assert positions == [(2, 0), (4, 0), (5, 0)]  # the end is saved whether it is due or not
    positions.clear()
    result = run_training(scripted(0.1, 0.1, checkpoint_steps=2))
    assert positions == [(0, 2), (1, 0), (1, 1), (1, 3), (2, 0)]
    previous = read_checkpoint(result.last.with_name("last-previous.pt"))["training"]["progress"]
    assert (previous["epoch"], previous["batch"]) == (1, 3)


def test_a_disk_without_room_for_the_checkpoints_is_told_before_the_first_step(experiment_of, tmp_path, monkeypatch):
    experiment = experiment_of(tmp_path)
    size = train(experiment, name="whole").last.stat().st_size
    for free, enough in ((6 * size, True), (2 * size, False)):
        monkeypatch.setattr("yolov3.files.unwritable.free_bytes", lambda place, free=free: free)
        if enough:
            train(experiment, name="enough")
            continue
        with pytest.raises(UserError, match=rf"full: {free} bytes are free there, and at least \d+ are needed$"):
            train(experiment, name="full")
        assert not (tmp_path / "full" / "results.csv").exists()


def test_the_learning_rate_of_a_row_is_that_of_its_last_step(scripted):
    run = scripted(0.1, 0.1, 0.1)
    result = run_training(run)
    # Darknet's burn-in is the first epoch of three steps; a cosine follows.
    expected = [0.01 * factor for factor in (1.0, 0.01 + 0.99 / 2, 0.01)]
    assert [row.learning_rate for row in result.history] == pytest.approx(expected)


def test_what_is_told_of_an_epoch_is_what_is_written(scripted, capsys):
    result = run_training(scripted(0.25, 0.5))
    told = capsys.readouterr().out
    for row in result.history:
        line = f"epoch {row.epoch}/2  loss {row.cross_entropy:.3f}  top-1 {row.top1:.3f}  top-5 1.000  "
        assert line in told
    assert "darknet53-classifier x0.0625, 2 classes, 32x32 letterbox on cpu in float32, writing to" in told
    timing = list(csv.DictReader((result.folder / "timing.csv").read_text().splitlines()))
    assert [row["epoch"] for row in timing] == ["1", "2"]
    assert all(float(row["images_per_second"]) > 0 and 0 <= float(row["data_wait_share"]) <= 1 for row in timing)


def test_a_run_that_breaks_leaves_its_curves(scripted):
    run = scripted(0.1)  # of the second epoch's score nobody told
    run = Run(run.task, run.settings.model_copy(update={"epochs": 2}), run.rates, run.state, run.place, run.folder)
    with pytest.raises(StopIteration):
        run_training(run)
    assert cv2.imread(str(run.folder / "curves.png")).std() > 1
    assert read_checkpoint(run.last)["training"]["progress"]["epoch"] == 1


def test_training_images_are_evaluated_too(experiment_of, tmp_path):
    result = train(experiment_of(tmp_path, train={"epochs": 2, "evaluate_training": 5}), name="run")
    assert [bool(row["metrics/AP_train"]) for row in rows_of(result.folder)] == [False, True]
    for name in ("training_batch.png", "predictions.png"):
        image = cv2.imread(str(result.folder / name))
        assert image is not None and image.std() > 10
    events = next((result.folder / "tensorboard").glob("events*")).read_bytes()
    assert b"training_batch" in events and b"AP of classes/ball" in events


@pytest.fixture
def outputs_changed(monkeypatch) -> Callable[..., None]:
    """A function of a change, made to the maps of a tiny network's passes in training, or only to those of pass ``only``."""

    def install(change: Callable[[torch.Tensor], torch.Tensor], only: int | None = None) -> None:
        original, passes = DarknetTiny.forward, []

        def forward(self, images):
            maps = original(self, images)
            if not self.training:
                return maps
            passes.append(1)
            return tuple(map(change, maps)) if only in (None, len(passes)) else maps

        monkeypatch.setattr(DarknetTiny, "forward", forward)

    return install


def test_a_step_without_finite_numbers_is_skipped_named_and_counted(experiment_of, tmp_path, outputs_changed, capsys):
    outputs_changed(lambda maps: maps * float("nan"), only=2)
    result = train(experiment_of(tmp_path, train={"epochs": 1}), name="nan")
    output = capsys.readouterr().out
    assert "step 2 skipped: the loss is not finite: box = nan" in output and ".jpg" in output
    weights = load_model(result.last).network.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values() if tensor.is_floating_point())
    assert (result.folder / "results.csv").read_text().splitlines()[1].endswith(",1")


def test_too_many_such_steps_end_the_run(experiment_of, tmp_path, outputs_changed):
    outputs_changed(lambda maps: maps * float("inf"))
    with pytest.raises(UserError, match="3 steps in a row without finite numbers"):
        train(experiment_of(tmp_path, train={"nonfinite_limit": 3}), name="nan")


def test_good_steps_between_bad_ones_begin_the_count_anew(experiment_of, tmp_path, outputs_changed):
    outputs_changed(lambda maps: maps * float("nan"), only=2)
    result = train(experiment_of(tmp_path, train={"epochs": 2, "nonfinite_limit": 2}), name="nan")
    progress = read_checkpoint(result.last)["training"]["progress"]
    assert (progress["step"], progress["skipped"], progress["skipped_in_a_row"]) == (6, 1, 0)


def test_a_gradient_that_is_not_finite_changes_nothing(experiment_of, tmp_path, outputs_changed, capsys):
    """A finite loss whose gradient overflows, in the second of three steps."""

    class Overflow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            return value.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("inf")

    outputs_changed(Overflow.apply, only=2)
    result = train(experiment_of(tmp_path, train={"epochs": 1}), name="inf")
    assert "step 2 skipped: the gradient is not finite; images: " in capsys.readouterr().out
    state = read_checkpoint(result.last)["training"]
    assert state["average_updates"] == 2  # the average did not see it
    tensors = [*load_model(result.last).network.state_dict().values(), *state["network"].values()]
    assert all(tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point())


def test_a_weight_that_is_not_finite_ends_the_run_with_the_checkpoint_whole(experiment_of, tmp_path):
    """Nothing can heal it; the run stops after some steps instead of writing it into every file."""
    first = train(experiment_of(tmp_path, train={"epochs": 1}), name="first")
    poisoned = load_model(first.last)
    with torch.no_grad():
        next(poisoned.network.parameters()).view(-1)[0] = float("nan")
    save_checkpoint(tmp_path / "nan.pt", poisoned.network, meaning=ModelMeaning(poisoned.names))
    changes = {"weights": str(tmp_path / "nan.pt"), "nonfinite_limit": 3}
    with pytest.raises(UserError, match="3 steps in a row without finite numbers: the loss is not finite"):
        train(experiment_of(tmp_path, train=changes), name="second")
    assert not (tmp_path / "second" / "weights" / "last.pt").exists()


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(experiment_of, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    changes = {"epochs": 1, "evaluate_training": 0}
    plain, compiled = (
        read_checkpoint(train(experiment_of(tmp_path, train={**changes, "compile": flag}), name="run").last)
        for flag in (False, True)
    )
    assert plain["weights"].keys() == compiled["weights"].keys()
    for name, tensor in plain["weights"].items():
        torch.testing.assert_close(compiled["weights"][name], tensor, atol=1e-4, rtol=1e-3)


def test_the_settings_of_a_checkpoint_are_those_of_the_run(scripted):
    result = run_training(scripted(0.5))
    stored = read_checkpoint(result.last)
    written = yaml.safe_load((result.folder / "config.yaml").read_text())
    assert stored["experiment"] == json.loads(json.dumps(written)) and stored["names"] == ["blue", "red"]


STOPPED_WORKER = """
import multiprocessing, os, signal, sys
import yolov3.batches.patience as patience
import yolov3.training.loop as loop
patience.PATIENCE = 4.0
train_batch = loop._train_batch

def stop_one(run, *more):
    train_batch(run, *more)
    if run.state.progress.step == 3:
        for child in multiprocessing.active_children():
            os.kill(child.pid, {how})

loop._train_batch = stop_one
from yolov3.__main__ import program
program(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("how", "told"), [("signal.SIGSTOP", "has not answered for 4 seconds"), ("signal.SIGKILL", "was killed")]
)
@pytest.mark.parametrize("command", ["train", "train-classifier"])
def test_a_run_whose_workers_are_lost_is_saved(settings_of, classifier_of, tmp_path, command, how, told):
    if command == "train":
        (tmp_path / "e.yaml").write_text(
            yaml.safe_dump(settings_of(tmp_path, train={"workers": 2, "name": "run", "epochs": 9}))
        )
        words = [str(tmp_path / "e.yaml")]
    else:
        options = classifier_of(tmp_path, workers=2, epochs=9)
        words = [options["data"], "--width", "0.0625", "--imgsz", "32", "--batch-size", "8", "--epochs", "9"]
        words += ["--output", str(tmp_path), "--name", "run"]
    program = [sys.executable, "-c", STOPPED_WORKER.replace("{how}", how), command, *words]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert f"yolov3: error: a loader process {told}" in done.stderr
    progress = read_checkpoint(tmp_path / "run" / "weights" / "last.pt")["training"]["progress"]
    assert 3 <= progress["step"] <= 9


def test_a_signal_after_the_last_question_is_no_end_of_a_training(scripted, monkeypatch):
    """It came too late to cut anything short, but the program was told to end."""
    monkeypatch.setattr(loop, "draw_curves", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Interrupted) as caught:
        run_training(scripted(0.5))
    assert caught.value.exit_code == 143
