"""Training as a whole: what it writes, stopping and going on, starting from other weights, numbers that are not finite."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import torch
import yaml

from yolov3 import UserError, load_model
from yolov3.cli import main
from yolov3.config.loading import build_experiment
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    return write_shapes_dataset(folder, train=20, val=6, unseen=0, seed=2)


def settings(folder: Path, output: Path, **changes) -> dict:
    values = {
        "data": {"root": str(folder)},
        "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "augment": {"mosaic": 0.5, "mixup": 0.3, "close_mosaic": 1},
        "optimiser": {"warmup_epochs": 1.0},
        "train": {
            "epochs": 3, "batch_size": 8, "workers": 0, "ema": 0.9, "evaluate_every": 2, "output": str(output),
            "multi_scale": [64, 128], "multi_scale_every": 1, "device": "cpu", "precision": "float32",
        },
    }  # fmt: skip
    for section, keys in changes.items():
        values.setdefault(section, {}).update(keys)
    return values


def experiment_of(folder: Path, output: Path, **changes):
    return build_experiment(settings(folder, output, **changes), "the test")


def test_what_a_run_writes(data, tmp_path, capsys):
    result = train(experiment_of(data, tmp_path), name="run")
    told = capsys.readouterr().out
    assert "train: 20 images" in told and "VOC 10+" in told  # the data first, a table per class at the end
    assert result.folder == tmp_path / "run"
    written = {path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*") if path.is_file()}
    assert {"weights/last.pt", "weights/best.pt", "results.csv", "timing.csv", "config.yaml", "curves.png"} <= written
    rows = list(csv.DictReader((result.folder / "results.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["metrics/AP"]) for row in rows] == [False, True, True]
    config = yaml.safe_load((result.folder / "config.yaml").read_text())
    assert build_experiment(config, "config.yaml") == experiment_of(data, tmp_path)
    model = load_model(result.best)
    assert model.names[0] == "ball" and model.preprocessing.size == (96, 96)
    assert train(experiment_of(data, tmp_path), name="run").folder.name == "run-2"


def test_two_runs_are_equal_whatever_the_workers(fingerprint, data, tmp_path):
    first = train(experiment_of(data, tmp_path), name="a").folder
    second = train(experiment_of(data, tmp_path, train={"workers": 2}), name="b").folder
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(fingerprint, data, tmp_path, number, code):
    whole = train(experiment_of(data, tmp_path / "whole"), name="run").folder
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump(settings(data, tmp_path, train={"workers": 1})))
    run = tmp_path / "experiment"
    arguments = [sys.executable, "-m", "yolov3", "train", str(config)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 1/3" in line:  # somewhere in the second epoch
                time.sleep(0.05)
                process.send_signal(number)
        assert process.wait() == code
    content = read_checkpoint(run / "weights" / "last.pt")
    assert content["training"]["progress"]["step"] < 9
    assert main(["train", "--resume", str(run)]) == 0
    assert fingerprint(run) == fingerprint(whole)


def test_it_learns(data, tmp_path):
    plain = {"flip": 0, "hue": 0, "saturation": 1, "exposure": 1, "jitter": 0, "mosaic": 0, "mixup": 0}
    changes = {"data": {"overfit": 4}, "augment": plain, "optimiser": {"learning_rate": 0.004, "weight_decay": 0}}
    changes["train"] = {"epochs": 120, "batch_size": 4, "evaluate_every": 120, "multi_scale": None}
    changes["model"] = {"width": 0.25, "image_size": 128}
    result = train(experiment_of(data, tmp_path, **changes), name="learn")
    rows = list(csv.DictReader((result.folder / "results.csv").read_text().splitlines()))
    assert float(rows[-1]["metrics/AP50"]) > 0.9, rows[-1]


def test_freezing_is_truly_still_and_starting_takes_what_fits(data, tmp_path):
    first = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="first")
    before = load_model(first.last).network.state_dict()
    changes = {"train": {"epochs": 1, "weights": str(first.last), "freeze_backbone": 1, "ema": 0.0}}
    second = train(experiment_of(data, tmp_path, **changes), name="second")
    after = load_model(second.last).network.state_dict()
    still = [name for name in before if name.startswith("backbone.")]
    assert still and all(torch.equal(before[name], after[name]) for name in still)
    assert not torch.equal(before["heads.0.predict.weight"], after["heads.0.predict.weight"])


def test_weights_of_another_architecture_are_refused(data, tmp_path):
    first = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="first")
    changes = {"model": {"width": 0.25}, "train": {"weights": str(first.last)}}
    with pytest.raises(UserError, match="weights of another network"):
        train(experiment_of(data, tmp_path, **changes), name="second")


def test_a_gradient_accumulated_in_parts_is_that_of_the_whole(data, tmp_path):
    """Batch norm sees the parts, so it is held still; the loss and its gradient then are the same."""
    from yolov3.batches.detection import training_loader
    from yolov3.datasets.catalogue import open_dataset
    from yolov3.training.optimiser import make_optimiser
    from yolov3.training.run import build_detector
    from yolov3.training.state import Progress, TrainingState
    from yolov3.training.step import Computing, training_step

    results = []
    for parts, normaliser in ((1, "positives"), (4, "positives"), (1, "batch"), (2, "batch")):
        changes = {"train": {"accumulate": parts}, "loss": {"normaliser": normaliser}}
        experiment = experiment_of(data, tmp_path, **changes)
        torch.manual_seed(0)
        network = build_detector(experiment.model, num_classes=6).eval()
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        state = TrainingState(network, make_optimiser(network, experiment.optimiser), None, scaler, Progress())
        loader = TrainingLoader(
            open_dataset(experiment.data, "train"), augment=experiment.augment, batch_size=8, workers=0, seed=0,
            preprocessing=experiment.model.preprocessing,
        )  # fmt: skip
        batch = next(iter(loader.epoch(0)))
        training_step(state, batch, experiment, how=Computing(network, torch.device("cpu"), torch.float32), parts=parts)
        results.append(network.heads[0].predict.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(results[2], results[3], atol=1e-6, rtol=1e-4)


def test_a_step_without_finite_numbers_is_skipped_named_and_counted(data, tmp_path, monkeypatch, capsys):
    calls = []
    from yolov3.models.darknet_tiny import DarknetTiny

    original = DarknetTiny.forward

    def poisoned(self, images):
        maps = original(self, images)
        if self.training:
            calls.append(1)
            if len(calls) == 2:
                return tuple(m * float("nan") for m in maps)
        return maps

    monkeypatch.setattr(DarknetTiny, "forward", poisoned)
    result = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="nan")
    output = capsys.readouterr().out
    assert "step 2 skipped: the loss is not finite: box = nan" in output and ".jpg" in output
    weights = load_model(result.last).network.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values() if tensor.is_floating_point())
    assert (result.folder / "results.csv").read_text().splitlines()[1].endswith(",1")


def test_too_many_such_steps_end_the_run(data, tmp_path, monkeypatch):
    from yolov3.models.darknet_tiny import DarknetTiny

    original = DarknetTiny.forward
    monkeypatch.setattr(DarknetTiny, "forward", lambda self, x: tuple(m * float("inf") for m in original(self, x)))
    with pytest.raises(UserError, match="3 steps in a row without finite numbers"):
        train(experiment_of(data, tmp_path, train={"nonfinite_limit": 3}), name="nan")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.epoch=3"], "unknown key train.epoch"),
        (["train.epochs=many"], 'train.epochs: found "many"'),
        (["model.image_size=100"], "multiples of 32"),
        (["data.root=/nowhere"], "/nowhere: the folder of the data set does not exist"),
        (["train.weights=/nowhere.pt"], "no such weights file"),
        (["train.device=cuda:7"], "CUDA devices"),
        (["train.output=/proc/x"], "cannot be made"),
        (["train.batch_size=8", "train.accumulate=3"], "must be divisible"),
    ],
)
def test_mistakes_are_one_clear_line(data, tmp_path, capsys, arguments, message):
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump(settings(data, tmp_path)))
    assert main(["train", str(config), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_resuming_a_finished_model_is_refused(data, tmp_path, capsys):
    result = train(experiment_of(data, tmp_path, train={"epochs": 1, "evaluate_every": 1}), name="run")
    assert main(["train", "--resume", str(result.best)]) == 2
    assert "holds a finished model" in capsys.readouterr().err


def test_a_gradient_that_is_not_finite_changes_nothing(data, tmp_path, monkeypatch, capsys):
    """A finite loss whose gradient overflows, in the second of three steps."""
    from yolov3.models.darknet_tiny import DarknetTiny

    class Overflow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            return value.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("inf")

    steps = []
    original = DarknetTiny.forward

    def forward(self, images):
        maps = original(self, images)
        if self.training:
            steps.append(1)
        return tuple(map(Overflow.apply, maps)) if self.training and len(steps) == 2 else maps

    monkeypatch.setattr(DarknetTiny, "forward", forward)
    result = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="inf")
    assert "step 2 skipped: the gradient is not finite; images: " in capsys.readouterr().out
    state = read_checkpoint(result.last)["training"]
    assert state["average_updates"] == 2  # the average did not see it
    tensors = [*load_model(result.last).network.state_dict().values(), *state["network"].values()]
    assert all(tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point())


def test_a_weight_that_is_not_finite_ends_the_run_with_the_checkpoint_whole(data, tmp_path):
    """Nothing can heal it; the run stops after some steps instead of writing it into every file."""
    first = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="first")
    poisoned = load_model(first.last).network
    with torch.no_grad():
        next(poisoned.parameters()).view(-1)[0] = float("nan")
    from yolov3.formats.checkpoint import save_checkpoint
    from yolov3.structures import Preprocessing

    save_checkpoint(tmp_path / "nan.pt", poisoned, names=load_model(first.last).names, preprocessing=Preprocessing())
    changes = {"weights": str(tmp_path / "nan.pt"), "nonfinite_limit": 3}
    with pytest.raises(UserError, match="3 steps in a row without finite numbers: the loss is not finite"):
        train(experiment_of(data, tmp_path, train=changes), name="second")
    assert not (tmp_path / "second" / "weights" / "last.pt").exists()


def test_a_second_ctrl_c_stops_at_once(data, tmp_path):
    """The first one waits for a safe place, which here is a long way off."""
    config = tmp_path / "experiment.yaml"
    long = {"epochs": 1, "batch_size": 20, "multi_scale": None}
    config.write_text(yaml.safe_dump(settings(data, tmp_path, train=long, model={"width": 1.0, "image_size": 1056})))
    arguments = [sys.executable, "-m", "yolov3", "train", str(config)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
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


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(data, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    changes = {"epochs": 1, "evaluate_training": 0}
    plain, compiled = (
        read_checkpoint(train(experiment_of(data, tmp_path, train={**changes, "compile": flag}), name="run").last)
        for flag in (False, True)
    )
    assert plain["weights"].keys() == compiled["weights"].keys()
    for name, tensor in plain["weights"].items():
        torch.testing.assert_close(compiled["weights"][name], tensor, atol=1e-4, rtol=1e-3)


def test_training_images_are_evaluated_too(data, tmp_path):
    result = train(experiment_of(data, tmp_path, train={"epochs": 2, "evaluate_training": 5}), name="run")
    rows = list(csv.DictReader((result.folder / "results.csv").read_text().splitlines()))
    assert [bool(row["metrics/AP_train"]) for row in rows] == [False, True]
    for name in ("training_batch.png", "predictions.png"):
        image = cv2.imread(str(result.folder / name))
        assert image is not None and image.std() > 10
    events = next((result.folder / "tensorboard").glob("events*")).read_bytes()
    assert b"training_batch" in events and b"AP of classes/ball" in events
