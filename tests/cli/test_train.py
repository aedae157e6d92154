"""``yolov3 train``: words in, a run out, one clear line for each mistake, and a way on for a run that was stopped."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from yolov3.cli import main
from yolov3.cli import train as command
from yolov3.cli.train import TrainWords
from yolov3.errors import UserError
from yolov3.files.strict_yaml import read_yaml
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.options.experiment_options import ExperimentWords
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=12, val=3, unseen=0, seed=2)


@pytest.fixture
def config(data, tmp_path) -> Path:
    """An experiment file of a run of three steps."""
    settings = {
        "data": {"root": str(data)},
        "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 64},
        "train": {
            "epochs": 1, "batch_size": 4, "workers": 0, "evaluate_training": 0, "device": "cpu", "output": str(tmp_path),
        },
    }  # fmt: skip
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_run_is_named_after_its_file_and_told_at_its_end(config, tmp_path, capsys):
    assert main(["train", str(config), "train.seed=5", "optimiser.learning_rate=0.0001"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"best AP 0\.\d{{4}}; weights: {tmp_path}/mine/weights/best\.pt", out.splitlines()[-1])
    assert err == "" and "epoch 1/1  box " in out
    assert f"what it gets wrong, and what to do: {tmp_path}/mine/report.html" in out
    assert "How it learned" in (tmp_path / "mine" / "report.html").read_text()
    assert (tmp_path / "mine" / "thresholds.yaml").is_file() and (tmp_path / "mine" / "classes.csv").is_file()
    written = read_yaml(tmp_path / "mine" / "config.yaml")
    assert (written["train"]["seed"], written["optimiser"]["learning_rate"]) == (5, 0.0001)


def test_settings_alone_are_enough(data, tmp_path, capsys):
    words = [
        f"data.root={data}", "model.variant=yolov3-tiny", "model.width=0.0625", "model.image_size=64", "train.epochs=1",
        "train.batch_size=12", "train.workers=0", "train.evaluate_training=0", f"train.output={tmp_path}",
    ]  # fmt: skip
    assert main(["train", *words, "--no-report"]) == 0
    assert f"weights: {tmp_path}/train/weights/best.pt" in capsys.readouterr().out
    assert not (tmp_path / "train" / "report.html").exists()


def test_of_several_processes_only_the_first_tells_the_end(config, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    assert main(["train", str(config)]) == 0
    assert "best AP" not in capsys.readouterr().out


def test_a_stopped_run_says_how_it_goes_on(config, tmp_path):
    slow = ["model.image_size=160", "model.width=0.25"]  # so that there is a step to be stopped in
    words = [sys.executable, "-m", "yolov3", "train", str(config), *slow, "train.epochs=8", "train.evaluate_every=8"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "epoch 2/8" in line:
                time.sleep(0.02)
                process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    advice = f"stopped by SIGINT; everything is saved, go on with: yolov3 train --resume {tmp_path}/mine\n"
    assert said[-1] == advice
    way_on = advice.split("yolov3 ")[1].split()
    before = read_checkpoint(tmp_path / "mine" / "weights" / "last.pt")["training"]["progress"]
    assert 2 <= before["epoch"] < 8
    assert main(way_on) == 0
    rows = (tmp_path / "mine" / "results.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", *map(str, range(1, 9))]


@pytest.mark.skipif(shutil.which("timeout") is None, reason="there is no program timeout here")
def test_under_a_time_limit_nothing_is_lost(config, tmp_path):
    """GNU's timeout sends its signal twice."""
    for seconds in (8, 20, 60):  # a machine that is busy takes long to start
        words = [
            "timeout", "--preserve-status", "-s", "INT", str(seconds), sys.executable, "-m", "yolov3", "train", str(config),
            "train.epochs=100000", "train.evaluate_every=100000", f"train.name=limit-{seconds}",
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if "epoch 1/" in done.stdout:
            break
    folder = tmp_path / f"limit-{seconds}"
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout.splitlines()[-1].endswith(f"everything is saved, go on with: yolov3 train --resume {folder}")
    told = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    assert read_checkpoint(folder / "weights" / "last.pt")["training"]["progress"]["epoch"] == len(told)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train.epoch=3"], "command line: unknown key train.epoch (did you mean train.epochs=3?)"),
        (["train.epochs=many"], 'train.epochs: found "many"'),
        (["train.epochs"], "'train.epochs': expected section.key=value, such as train.epochs=50"),
        (["model.image_size=100"], "multiples of 32"),
        (["loss.box_kind=siou"], 'loss.box_kind: found "siou" (did you mean iou?); '),
        (["data.root=/nowhere"], "/nowhere: the folder of the data set does not exist"),
        (["train.weights=/nowhere.pt"], "no such weights file"),
        (["train.device=cuda:7"], "CUDA devices"),
        (["train.output=/proc/x"], "cannot be made"),
        (["train.batch_size=8", "train.accumulate=3"], "must be divisible"),
        (
            ["--resume", "RUN"],
            "--resume goes on with the run's own settings; give no experiment file and no data, found ",
        ),
    ],
)
def test_mistakes_are_one_clear_line(config, tmp_path, capsys, words, message):
    assert main(["train", str(config), *words]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("yolov3: error: ") and message in err and err.count("\n") == 1 and "best AP" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [],
            "give an experiment file, such as yolov3_tiny_bccd.yaml (yolov3 configs lists what is shipped), or --data D, or",
        ),
        (["/nowhere.yaml"], "/nowhere.yaml"),
        (["--resume", "/nowhere"], "/nowhere: no such weights file"),
        (["train.epochs=9", "--resume", "/nowhere"], "/nowhere: no such weights file"),
        (["train.epochs=many", "--resume", "/nowhere"], 'command line: train.epochs: found "many"'),
    ],
)
def test_nothing_to_learn_from_is_told(words, message, capsys):
    assert main(["train", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_data_set_that_may_only_be_read_is_enough_and_stays_as_it_is(files, unprivileged):
    """Images that nobody divided, divided and kept decoded: all that is written lies in the output's folder."""
    root = files.write_yolo(unprivileged.folder / "mine", split="all")
    everything = [root, *sorted(root.rglob("*"))]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = [(path, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in everything]
    small = [
        "model.variant=yolov3-tiny",
        "model.width=0.0625",
        "model.image_size=64",
        "train.batch_size=1",
        "train.workers=0",
    ]
    kept = [
        "data.val_share=0.34",
        "train.cache=disk",
        "train.epochs=1",
        "train.evaluate_training=0",
        "train.device=cpu",
    ]
    done = unprivileged.command("train", "--no-report", "--data", str(root), *small, *kept, "train.output=runs")
    assert done.returncode == 0, done.stderr
    assert [root, *sorted(root.rglob("*"))] == everything
    assert before == [
        (path, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in everything
    ]
    assert (unprivileged.folder / "runs" / "cache").is_dir()


def test_a_finished_run_says_how_it_becomes_longer(config, tmp_path, capsys):
    """And the words that it says make it longer."""
    run = tmp_path / "mine"
    assert main(["train", str(config)]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 0
    *_, finished, advice, best = capsys.readouterr().out.splitlines()
    assert finished == f"{run} is finished: epoch 1 was its last" and best.startswith("best AP ")
    assert advice == f"to train longer: yolov3 train --resume {run} train.epochs=2"
    assert main(advice.partition("yolov3 ")[2].split()) == 0
    told = capsys.readouterr().out
    assert f"going on from {run}/weights/last.pt at epoch 2/2, batch 1/3, after 3 steps\n" in told
    assert "\n2 epochs instead of 1: " in told and "\nepoch 2/2  " in told and "to train longer" not in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train.seed=3", "model.width=1"], "goes on with its own model.width, train.seed; only train.epochs and "),
        (["train.epochs=1"], "has train.epochs=2, which can only grow, found 1"),
    ],
)
def test_what_cannot_change_while_a_run_goes_on_is_refused_by_name(config, tmp_path, capsys, words, message):
    assert main(["train", str(config), "train.epochs=2"]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path / "mine"), *words]) == 2
    last = tmp_path / "mine" / "weights" / "last.pt"
    assert capsys.readouterr().err.startswith(f"yolov3: error: {last}: {message}")


def test_resuming_a_finished_model_is_refused(config, tmp_path, capsys):
    assert main(["train", str(config)]) == 0
    best = tmp_path / "mine" / "weights" / "best.pt"
    capsys.readouterr()
    assert main(["train", "--resume", str(best)]) == 2
    assert capsys.readouterr().err.startswith(f"yolov3: error: {best}: holds a finished model, not a run")


def test_an_image_that_cannot_be_read_ends_the_run_in_one_line(config, data, tmp_path, capsys):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(data), str(copy)], check=True)
    broken = copy / "train" / "000005.jpg"
    broken.write_bytes(broken.read_bytes()[:500])
    assert main(["train", str(config), f"data.root={copy}"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"yolov3: error: {broken}: ") and err.count("\n") == 1


def test_words_become_what_is_trained(monkeypatch):
    given = []
    monkeypatch.setattr(command, "run", lambda words: given.append(words) or 0)
    for words in (["a.yaml", "x=1"], ["x=1"], ["--resume", "runs/a"], ["x=1", "--no-report"]):
        assert main(["train", *words]) == 0
    nothing = ExperimentWords(None, ())
    assert given == [
        TrainWords(ExperimentWords(Path("a.yaml"), ("x=1",)), None, True),
        TrainWords(ExperimentWords(None, ("x=1",)), None, True),
        TrainWords(nothing, Path("runs/a"), True),
        TrainWords(ExperimentWords(None, ("x=1",)), None, False),
    ]


def test_a_page_that_cannot_be_written_takes_nothing_from_the_training(config, tmp_path, monkeypatch, capsys):
    def fail(*words, **more):
        raise UserError("report.html: cannot be written: No space left on device")

    monkeypatch.setattr("yolov3.reporting.run.report_run", fail)
    assert main(["train", str(config)]) == 1
    out, err = capsys.readouterr()
    assert err == "warning: no report was written: report.html: cannot be written: No space left on device\n"
    assert f"weights: {tmp_path}/mine/weights/best.pt" in out
