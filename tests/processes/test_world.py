"""Real processes under torchrun agree on everything, notice when one is gone, and train as one would: the same weights,
one result, skipped steps and short memory shared."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from yolov3.evaluation.evaluate import evaluate
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.processes.world import World, join_world

CPU = torch.device("cpu")

AGREEMENT = """
import json, sys, torch
from pathlib import Path
from torch import nn
from yolov3.processes.world import join_world

torch.set_num_threads(1)
cpu = torch.device("cpu")
with join_world() as world:
    rank = world.rank
    told = {"rank": rank, "size": world.size, "local": [world.local_rank, world.local_size], "first": world.is_first}
    told["device"] = [world.device_text(text) for text in ("auto", "cpu")]
    told["largest"] = world.largest(float(rank), -float(rank), 0.1)
    told["mean"] = world.mean(torch.tensor([float(rank), 1.0])).tolist()
    told["from first"] = world.from_first({"path": Path("ä 猫"), "rank": rank} if world.is_first else None)["rank"]
    told["nothing"] = world.from_first(None)
    told["gathered"] = world.gather(("thing", rank) if rank else None)

    norms = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    for norm in norms[:2]:
        norm.running_mean.fill_(rank)
        norm.running_var.fill_(10 * rank + 1)
    norms[1].eval()  # held still
    world.share_statistics(norms)
    told["statistics"] = [[norm.running_mean.tolist(), norm.running_var.tolist()] for norm in norms[:2]]

    torch.manual_seed(rank)  # each starts elsewhere; the first one's weights count
    layer = nn.Linear(2, 1)
    together = world.parallel(layer, cpu)
    told["weights"] = layer.weight.tolist()
    together(torch.full((1, 2), float(rank))).sum().backward()
    told["gradient"] = layer.weight.grad.tolist()
    told["norms stay"] = type(world.synchronise_norms(norms, cpu)[0]).__name__
    Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(told))
"""


def test_three_processes_agree_on_everything(torchrun, tmp_path):
    script, count = tmp_path / "agree.py", 3
    script.write_text(AGREEMENT)
    done = torchrun(script, tmp_path, processes=count)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = range(count)
    mean = sum(ranks) / count
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in ranks]
    for rank, found in enumerate(told):
        assert (found["rank"], found["size"], found["local"]) == (rank, count, [rank, count])
        assert found["first"] == (rank == 0)
        assert found["device"] == [f"cuda:{rank}" if torch.cuda.is_available() else "auto", "cpu"]
        assert found["largest"] == [count - 1, 0, 0.1]
        assert found["mean"] == pytest.approx([mean, 1])
        assert found["from first"] == 0 and found["nothing"] is None
        assert found["gathered"] == ([None, *(["thing", other] for other in ranks[1:])] if rank == 0 else None)
        assert found["statistics"][0] == [pytest.approx([mean] * 2), pytest.approx([10 * mean + 1] * 2)]
        assert found["statistics"][1] == [[rank] * 3, [10 * rank + 1] * 3]
        assert found["weights"] == told[0]["weights"]
        assert found["gradient"] == [pytest.approx([mean, mean])]
        assert found["norms stay"] == "BatchNorm2d"


def test_in_a_world_of_one_everything_is_as_it_was(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_world() as world:
        assert world == World() and world.is_first
        network, tensor, thing = nn.BatchNorm2d(2), torch.ones(2), object()
        assert world.parallel(network, CPU) is world.synchronise_norms(network, CPU) is network
        assert world.mean(tensor) is tensor and world.from_first(thing) is thing and world.gather(thing) == [thing]
        assert world.largest(1.0, float("nan"))[0] == 1.0
        assert [world.device_text(text) for text in ("auto", "cpu", "cuda")] == ["auto", "cpu", "cuda"]
        world.share_statistics(network)
        assert network.running_mean.tolist() == [0, 0]
    monkeypatch.setenv("WORLD_SIZE", "1")
    with join_world() as world:
        assert world == World() and not torch.distributed.is_initialized()


ALONE = """
import sys
from yolov3.errors import UserError
from yolov3.processes.world import join_world

try:
    with join_world() as world:
        if world.rank == 1:
            sys.exit(7)
        world.gather(world.largest(1.0))
except UserError as error:
    print(error)
    sys.exit(3)
"""


def test_a_process_that_ends_is_noticed_by_the_others_in_one_line(torchrun, tmp_path):
    script = tmp_path / "alone.py"
    script.write_text(ALONE)
    start = time.monotonic()
    done = torchrun(script)
    assert done.returncode != 0 and time.monotonic() - start < 45
    assert done.stdout.startswith("rank 0: another process of the run has ended or does not answer (")
    assert done.stdout.endswith("start it again with --resume\n") and done.stdout.count("\n") == 1


STOPPED = """
import datetime, os, signal, sys, time
from yolov3.errors import UserError
from yolov3.processes import world as module

module.PATIENCE = datetime.timedelta(seconds=4)
try:
    with module.join_world() as world:
        world.largest(1.0)
        if world.rank == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        start = time.monotonic()
        world.largest(1.0)
except UserError as error:
    print(error, flush=True)
    print(time.monotonic() - start, flush=True)
"""


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def test_a_process_that_is_stopped_is_noticed_within_the_patience(one_thread, tmp_path):
    """By its own processes, without torchrun, which itself waits for half a minute before it kills one that is stopped."""
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True,
            env={**one_thread, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        output, _ = started[0].communicate(timeout=100)
        line, seconds = output.splitlines()
        assert line.startswith("rank 0: another process of the run has ended or does not answer (")
        assert float(seconds) < 4 + 3
    finally:
        for process in started:
            process.kill()
            process.communicate()


LEFT = """
import sys
from pathlib import Path
from yolov3.processes.world import join_world

def threads():
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]

with join_world() as world:
    world.gather(world.largest(1.0))
    assert any("gloo" in name for name in threads()), threads()
Path(sys.argv[1], str(world.rank)).write_text(" ".join(threads()))
"""


def test_who_keeps_the_world_keeps_no_thread_that_could_abort_the_interpreters_end(torchrun, tmp_path):
    script = tmp_path / "left.py"
    script.write_text(LEFT)
    done = torchrun(script, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in range(2):
        assert "gloo" not in (tmp_path / str(rank)).read_text()


OUTSIDE = """
import sys
from yolov3.processes.world import join_world

with join_world() as world:
    raise RuntimeError("shapes do not match")
"""


def test_a_fault_that_has_nothing_to_do_with_others_stays_what_it_is(torchrun, tmp_path):
    script = tmp_path / "outside.py"
    script.write_text(OUTSIDE)
    done = torchrun(script)
    assert done.returncode != 0 and "RuntimeError: shapes do not match" in done.stderr
    assert "another process of the run" not in done.stderr


WAITING = """
import datetime, sys
from yolov3.errors import UserError
from yolov3.processes import world

world.PATIENCE = datetime.timedelta(seconds=2)
try:
    with world.join_world():
        print("joined")
except UserError as error:
    print(error)
"""


def test_who_waits_for_processes_that_do_not_come_gives_up(one_thread):
    place = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    command = [sys.executable, "-c", WAITING]
    done = subprocess.run(command, capture_output=True, text=True, env={**one_thread, **place}, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("rank 0: another process of the run has ended or does not answer (")


STEPS = """
import sys, torch
from dataclasses import replace
from yolov3.batches.detection import training_loader
from yolov3.batches.plan import EpochSettings
from yolov3.config.loading import build_experiment
from yolov3.catalogue.opening import open_dataset
from yolov3.formats.build import build_detector
from yolov3.processes.world import join_world
from yolov3.training.objective import DetectionObjective
from yolov3.training.optimiser import set_learning_rate
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.step import Computing, training_step

data, output = sys.argv[1:]
torch.set_num_threads(1)

def ten_steps(world, normaliser, poisoned):
    experiment = build_experiment({
        "data": {"root": data}, "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "train": {"batch_size": 8, "accumulate": 2, "ema": 0.9}, "loss": {"normaliser": normaliser},
    }, "test")
    torch.manual_seed(0)
    network = build_detector(experiment.model, num_classes=6).eval()  # batch norm held still
    place = Place(torch.device("cpu"), torch.float32, world=world)
    state = make_state(network, experiment.train, experiment.optimiser, place, num_terms=3)
    set_learning_rate(state.optimiser, 0.001)
    preprocessing = experiment.model.preprocessing
    order = EpochSettings(batch_size=8, seed=0, size=preprocessing.size, rank=world.rank, world=world.size)
    loader = training_loader(open_dataset(experiment.data, "train"), augment=experiment.augment,
                             preprocessing=preprocessing, settings=order, workers=0)
    objective = DetectionObjective(network, experiment.loss)
    how = Computing(network, objective, place, gradient_clip=experiment.optimiser.gradient_clip)
    outcomes = []
    for epoch in range(5):
        for batch in loader.epoch(epoch):
            if poisoned and epoch == 1 and world.rank == world.size - 1:
                batch = replace(batch, images=batch.images.float() * float("nan"))
            outcomes.append(training_step(state, batch, how=how, parts=2))
    return {"weights": network.state_dict(), "average": state.average.network.state_dict(),
            "losses": torch.stack([outcome.losses for outcome in outcomes]),
            "faults": [outcome.fault is not None for outcome in outcomes]}

with join_world() as world:
    found = {name: ten_steps(world, name, False) for name in ("batch", "positives")}
    found["poisoned"] = ten_steps(world, "batch", True)
    if world.is_first:
        torch.save(found, output)
"""


@pytest.fixture(scope="module")
def steps(torchrun, data, tmp_path_factory) -> dict[int, dict]:
    """What one and two processes have after ten steps: with either normaliser, and where the last one's images are bad in
    the second epoch."""
    folder = tmp_path_factory.mktemp("steps")
    (folder / "steps.py").write_text(STEPS)
    for processes in (1, 2):
        done = torchrun(folder / "steps.py", data, folder / f"{processes}.pt", processes=processes)
        assert done.returncode == 0, done.stderr[-3000:]
    return {processes: torch.load(folder / f"{processes}.pt", weights_only=True) for processes in (1, 2)}


@pytest.mark.parametrize("normaliser", ["batch", "positives"])
def test_ten_steps_of_two_processes_are_those_of_one(steps, normaliser):
    one, two = (steps[processes][normaliser] for processes in (1, 2))
    assert len(one["losses"]) == 10 and not any(one["faults"])
    torch.testing.assert_close(two["losses"], one["losses"], atol=1e-3, rtol=1e-4)
    for part in ("weights", "average"):
        for name, tensor in one[part].items():
            torch.testing.assert_close(two[part][name], tensor, atol=1e-5, rtol=0)


def test_the_two_normalisers_differ(steps):
    batch, positives = (steps[1][name]["losses"] for name in ("batch", "positives"))
    assert not torch.allclose(batch, positives, rtol=0.1)


def test_a_step_that_one_process_cannot_take_is_taken_by_none(steps):
    for processes in (1, 2):
        result = steps[processes]["poisoned"]
        assert result["faults"] == [False] * 2 + [True] * 2 + [False] * 6
        for part in ("weights", "average"):
            assert all(tensor.isfinite().all() for tensor in result[part].values())
    for name, tensor in steps[1]["poisoned"]["weights"].items():
        torch.testing.assert_close(steps[2]["poisoned"]["weights"][name], tensor, atol=1e-5, rtol=0)


SHORT = """
import os, sys, torch
from yolov3.cli import main
from yolov3.models.darknet_tiny import DarknetTiny

original = DarknetTiny.forward

def forward(self, images):
    if self.training and os.environ["RANK"] == "1" and len(images) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory (made up)")
    return original(self, images)

DarknetTiny.forward = forward
sys.exit(main(["train", sys.argv[1]]))
"""


def test_memory_that_is_short_in_one_process_halves_the_parts_of_all(torchrun, experiment, tmp_path):
    script = tmp_path / "short.py"
    script.write_text(SHORT)
    done = torchrun(script, experiment())
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("out of memory; from now on a batch is computed in 2 parts") == 1
    assert done.stdout.count("in 4 parts") == 1 and done.stdout.count("epoch 2/2") == 1
    progress = read_checkpoint(tmp_path / "runs" / "together" / "weights" / "last.pt")["training"]["progress"]
    assert progress["parts"] == 4 and progress["step"] == 4 and progress["skipped"] == 0


def test_a_run_of_two_processes_has_one_folder_and_one_result(torchrun, train_script, experiment, data, tmp_path):
    done = torchrun(train_script, experiment())
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("epoch 2/2") == 1 and "2 processes" in done.stdout
    runs = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert [path.name for path in runs] == ["together"]
    rows = list(csv.DictReader((runs[0] / "results.csv").read_text().splitlines()))
    alone = evaluate(weights=runs[0] / "weights" / "last.pt", data=data, device="cpu").coco
    # Scores of an untrained network lie so close that other batches, in the last bit, change the ranks of a few.
    assert float(rows[-1]["metrics/AP"]) == pytest.approx(alone.ap, abs=2e-4)
    assert float(rows[-1]["metrics/AP50"]) == pytest.approx(alone.ap50, abs=2e-4)


def test_a_batch_that_cannot_be_shared_is_refused(torchrun, train_script, experiment):
    done = torchrun(train_script, experiment(batch_size=7))
    assert done.returncode != 0
    assert "train.batch_size (=7) must be divisible by train.accumulate times the 2 processes (=2)" in done.stderr
