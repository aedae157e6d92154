"""Training as a whole: what it writes, stopping and going on, starting from other weights, numbers that are not finite."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from yolov3 import UserError, load_model
from yolov3.cli import main
from yolov3.config import build_experiment
from yolov3.datasets.shapes import write_shapes_dataset
from yolov3.engine.train import train
from yolov3.formats.checkpoint import read_checkpoint


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


def test_what_a_run_writes(data, tmp_path):
    result = train(experiment_of(data, tmp_path), name="run")
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
    from yolov3.datasets import open_dataset, training_loader
    from yolov3.engine.optimiser import make_optimiser
    from yolov3.engine.setup import build_detector
    from yolov3.engine.state import Progress, TrainingState
    from yolov3.engine.step import Computing, training_step

    results = []
    for parts, normaliser in ((1, "positives"), (4, "positives"), (1, "batch"), (2, "batch")):
        changes = {"train": {"accumulate": parts}, "loss": {"normaliser": normaliser}}
        experiment = experiment_of(data, tmp_path, **changes)
        torch.manual_seed(0)
        network = build_detector(experiment.model, num_classes=6).eval()
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        state = TrainingState(network, make_optimiser(network, experiment.optimiser), None, scaler, Progress())
        loader = training_loader(
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


def test_out_of_memory_halves_the_parts_and_goes_on(data, tmp_path, monkeypatch, capsys):
    """Memory for at most three images of a part: a batch of eight is computed in four parts from then on."""
    from yolov3.models.darknet_tiny import DarknetTiny

    original = DarknetTiny.forward

    def forward(self, images):
        if self.training and len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory (made up)")
        return original(self, images)

    monkeypatch.setattr(DarknetTiny, "forward", forward)
    result = train(experiment_of(data, tmp_path, train={"epochs": 1}), name="memory")
    output = capsys.readouterr().out
    assert "step 1: out of memory; from now on a batch is computed in 2 parts" in output
    assert "in 4 parts" in output and "in 8 parts" not in output
    content = read_checkpoint(result.last)
    assert content["training"]["progress"]["parts"] == 4 and content["training"]["progress"]["step"] == 3


def test_no_memory_for_a_single_image_is_said(data, tmp_path, monkeypatch):
    from yolov3.models.darknet_tiny import DarknetTiny

    def forward(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory (made up)")

    monkeypatch.setattr(DarknetTiny, "forward", forward)
    with pytest.raises(UserError, match=r"not enough memory for one image of \d+x\d+"):
        train(experiment_of(data, tmp_path, train={"epochs": 1}), name="memory")
