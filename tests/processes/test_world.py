"""Two real processes under torchrun train as one would: the same weights, one result, skipped steps and ends agreed on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from yolov3.cli import main
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.shapes.dataset import write_shapes_dataset

STEPS = """
import sys, torch
from yolov3.config.loading import build_experiment
from yolov3.batches.detection import training_loader
from yolov3.datasets.catalogue import open_dataset
from yolov3.training.averaging import WeightAverage
from yolov3.processes.world import join_world
from yolov3.training.optimiser import make_optimiser, set_learning_rate
from yolov3.training.run import build_detector
from yolov3.training.state import Progress, TrainingState
from yolov3.training.step import Computing, training_step

data, output, normaliser, poisoned = sys.argv[1:]
torch.set_num_threads(1)
with join_world() as world:
    experiment = build_experiment({
        "data": {"root": data}, "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "train": {"batch_size": 8, "accumulate": 2}, "loss": {"normaliser": normaliser},
    }, "test")
    torch.manual_seed(0)
    network = build_detector(experiment.model, num_classes=6).eval()  # batch norm held still
    state = TrainingState(network, make_optimiser(network, experiment.optimiser), WeightAverage(network, 0.9),
                          torch.amp.GradScaler("cpu", enabled=False), Progress())
    set_learning_rate(state.optimiser, 0.001)
    loader = TrainingLoader(open_dataset(experiment.data, "train"), augment=experiment.augment, batch_size=8,
        preprocessing=experiment.model.preprocessing, workers=0, seed=0, rank=world.rank, world=world.size)
    device = torch.device("cpu")
    how = Computing(network, device, torch.float32, world)
    outcomes = []
    for epoch in range(5):
        for batch in loader.epoch(epoch):
            if poisoned == "yes" and epoch == 1 and world.rank == world.size - 1:
                batch = batch.__class__(batch.images.float() * float("nan"), batch.targets, batch.samples)
            outcomes.append(training_step(state, batch, experiment, how=how, parts=2))
    if world.is_first:
        torch.save({"weights": network.state_dict(), "average": state.average.network.state_dict(),
                    "losses": torch.stack([o.losses for o in outcomes]),
                    "faults": [o.fault is not None for o in outcomes]}, output)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=16, val=7, unseen=0, seed=4)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def torchrun(*arguments: object, processes: int = 2) -> list[str]:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*start, *map(str, arguments)]


def run_steps(folder: Path, data: Path, processes: int, normaliser: str, poisoned: str = "no") -> dict:
    script, output = folder / "steps.py", folder / f"{processes}.pt"
    script.write_text(STEPS)
    command = torchrun(script, data, output, normaliser, poisoned, processes=processes)
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(output, weights_only=True)


@pytest.mark.parametrize("normaliser", ["batch", "positives"])
def test_ten_steps_of_two_processes_are_those_of_one(data, tmp_path, normaliser):
    one, two = (run_steps(tmp_path, data, count, normaliser) for count in (1, 2))
    assert len(one["losses"]) == 10
    for part in ("weights", "average"):
        for name, tensor in one[part].items():
            torch.testing.assert_close(two[part][name], tensor, atol=1e-5, rtol=0)


def test_a_step_that_one_process_cannot_take_is_taken_by_none(data, tmp_path):
    result = run_steps(tmp_path, data, 2, "batch", poisoned="yes")
    assert result["faults"] == [False] * 2 + [True] * 2 + [False] * 6
    for part in ("weights", "average"):
        assert all(tensor.isfinite().all() for tensor in result[part].values())


SHORT = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from yolov3.cli import main
from yolov3.models.darknet_tiny import DarknetTiny
import os
original = DarknetTiny.forward

def forward(self, images):
    if self.training and os.environ["RANK"] == "1" and len(images) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory (made up)")
    return original(self, images)

DarknetTiny.forward = forward
sys.exit(main(["train", sys.argv[2]]))
"""


def test_memory_that_is_short_in_one_process_halves_the_parts_of_all(data, tmp_path):
    script = tmp_path / "short.py"
    script.write_text(SHORT)
    command = torchrun(script, Path(__file__).parents[2], experiment(data, tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("out of memory; from now on a batch is computed in 2 parts") == 1
    assert done.stdout.count("in 4 parts") == 1 and done.stdout.count("epoch 2/2") == 1
    progress = read_checkpoint(tmp_path / "runs" / "together" / "weights" / "last.pt")["training"]["progress"]
    assert progress["parts"] == 4 and progress["step"] == 4 and progress["skipped"] == 0


def experiment(data: Path, folder: Path, **train) -> Path:
    path = folder / "together.yaml"
    settings = {
        "data": {"root": str(data)},
        "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "train": {
            "epochs": 2, "batch_size": 8, "workers": 0, "evaluate_every": 2, "output": str(folder / "runs"),
            "precision": "float32", "ema": 0.5, **train,
        },
    }  # fmt: skip
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_run_of_two_processes_has_one_folder_and_one_result(data, tmp_path, capsys):
    config = experiment(data, tmp_path)
    command = torchrun("scripts/train.py", config)
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("epoch 2/2") == 1 and "2 processes" in done.stdout
    runs = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert [path.name for path in runs] == ["together"]
    rows = list(csv.DictReader((runs[0] / "results.csv").read_text().splitlines()))
    arguments = ["--weights", str(runs[0] / "weights" / "last.pt"), "--data", str(data), "--output", str(tmp_path)]
    assert main(["evaluate", *arguments, "--name", "alone"]) == 0
    alone = json.loads((tmp_path / "alone" / "metrics.json").read_text())["coco"]
    # Scores of an untrained network lie so close that other batches, in the last bit, change the ranks of a few.
    assert float(rows[-1]["metrics/AP"]) == pytest.approx(alone["AP"], abs=2e-4)
    assert float(rows[-1]["metrics/AP50"]) == pytest.approx(alone["AP50"], abs=2e-4)


def test_a_batch_that_cannot_be_shared_is_refused(data, tmp_path):
    command = torchrun("scripts/train.py", experiment(data, tmp_path, batch_size=7))
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode != 0
    assert "train.batch_size (=7) must be divisible by train.accumulate times the 2 processes (=2)" in done.stderr


def children_of(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's list of child processes")
def test_a_killed_process_ends_the_others_and_a_restart_goes_on(data, tmp_path):
    config = experiment(data, tmp_path, epochs=6, checkpoint_steps=1)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command = [*start, "scripts/train.py", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if "epoch 2/6" in line and sum("epoch 2/6" in said for said in output) == 1:
                os.kill(children_of(process.pid)[-1], signal.SIGKILL)
                killed = time.monotonic()
        assert process.wait(timeout=60) == 0, "".join(output)[-3000:]
    text = "".join(output)
    assert text.count("epoch 1/6") == 1 and text.count("epoch 6/6") == 1, text
    assert time.monotonic() - killed < 120
    runs = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert [path.name for path in runs] == ["together"]
    assert read_checkpoint(runs[0] / "weights" / "last.pt")["training"]["progress"]["epoch"] == 6
