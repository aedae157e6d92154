"""A batch that memory does not hold is computed in parts, by all processes alike; the largest input is tried first."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from yolov3 import UserError
from yolov3.config.experiment import Experiment
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.models.darknet_tiny import DarknetTiny
from yolov3.processes.world import World
from yolov3.training.memory import try_largest_input, within_memory
from yolov3.training.run import Run
from yolov3.training.step import Computing, OutOfMemory
from yolov3.training.train import start_run, train


@pytest.fixture
def experiment(experiment_of, tmp_path) -> Callable[..., Experiment]:
    """A function of changed settings of the training: an experiment of one epoch of one size of images."""
    return lambda **train: experiment_of(
        tmp_path, train={"epochs": 1, "multi_scale": None, "precision": "auto", "evaluate_training": 0, **train}
    )


def started(experiment: Experiment) -> Run:
    return start_run(experiment, name="run", resume=None, world=World())


def short_of_memory(monkeypatch, is_too_large) -> list[tuple[int, ...]]:
    """Let the network's forward pass fail as a full GPU does; the shapes that were tried are listed."""
    original, tried = DarknetTiny.forward, []

    def forward(self, images):
        if self.training:
            tried.append(tuple(images.shape))
            if is_too_large(images):
                raise torch.OutOfMemoryError("CUDA out of memory (made up)")
        return original(self, images)

    monkeypatch.setattr(DarknetTiny, "forward", forward)
    return tried


def test_parts_are_halved_and_the_run_goes_on(experiment, monkeypatch, capsys):
    """Memory for at most three images of a part: a batch of eight is computed in four parts from then on."""
    short_of_memory(monkeypatch, lambda images: len(images) > 3)
    result = train(experiment(), name="memory")
    output = capsys.readouterr().out
    assert "step 1: out of memory; from now on a batch is computed in 2 parts" in output
    assert "in 4 parts" in output and "in 8 parts" not in output
    progress = read_checkpoint(result.last)["training"]["progress"]
    assert progress["parts"] == 4 and progress["step"] == 3


def test_memory_that_ends_in_a_backward_pass_counts_too(experiment, monkeypatch, capsys):
    original = torch.Tensor.backward
    calls = []

    def backward(self, *arguments, **settings):
        calls.append(1)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory (made up)")
        return original(self, *arguments, **settings)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    result = train(experiment(), name="memory")
    assert "step 2: out of memory" in capsys.readouterr().out
    progress = read_checkpoint(result.last)["training"]["progress"]
    assert progress["parts"] == 2 and progress["step"] == 3 and progress["skipped"] == 0


def test_no_memory_for_a_single_image_is_said(experiment, monkeypatch):
    short_of_memory(monkeypatch, lambda images: True)
    with pytest.raises(UserError, match=r"not enough memory for one image of \d+x\d+"):
        train(experiment(), name="memory")


def test_the_largest_input_is_tried_first_and_leaves_no_trace(experiment, monkeypatch):
    tried = short_of_memory(monkeypatch, lambda images: len(images) > 4 and images.shape[2] == 160)
    run = started(experiment(multi_scale=[64, 170], precision="float32"))
    network = run.state.network.train()
    before = [tensor.clone() for tensor in network.state_dict().values()]
    random_state = torch.get_rng_state()
    said: list[str] = []
    try_largest_input(run, Computing(network, run.task.objective, run.place), said.append)
    assert tried == [(8, 3, 160, 160), (4, 3, 160, 160), (4, 3, 160, 160)]
    assert run.state.progress.parts == 2 and len(said) == 1
    assert all(torch.equal(old, new) for old, new in zip(before, network.state_dict().values()))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), random_state) and not run.state.optimiser.state


def failing_until(parts: int) -> Callable[[int], int]:
    """An attempt that memory suffices for from so many parts on."""

    def attempt(count: int) -> int:
        if count < parts:
            raise OutOfMemory
        return count

    return attempt


@pytest.mark.parametrize(
    ("accumulate", "needed", "tried"), [(1, 1, 1), (1, 2, 2), (1, 3, 4), (1, 8, 8), (2, 2, 2), (2, 3, 4), (4, 5, 8)]
)
def test_parts_double_from_those_that_are_asked_for(experiment, accumulate, needed, tried):
    run, said = started(experiment(accumulate=accumulate)), []
    run.state.progress.step = 6
    assert within_memory(run, (96, 96), failing_until(needed), said.append) == tried
    assert run.state.progress.parts * accumulate == tried
    counts = [accumulate * 2**number for number in range(1, len(said) + 1)]
    assert said == [f"step 7: out of memory; from now on a batch is computed in {count} parts" for count in counts]
    said.clear()
    assert within_memory(run, (96, 96), failing_until(needed), said.append) == tried and not said  # it is remembered


def test_more_parts_than_images_are_not_tried(experiment):
    run, said = started(experiment(batch_size=4)), []
    message = (
        "cpu has not enough memory for one image of 64x96; a smaller model.image_size, train.multi_scale or model.width "
        "needs less"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        within_memory(run, (64, 96), failing_until(1000), said.append)
    assert len(said) == 2 and run.state.progress.parts == 4


def test_other_faults_go_their_way(experiment):
    run = started(experiment())

    def attempt(parts: int) -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        within_memory(run, (96, 96), attempt, print)
    assert run.state.progress.parts == 1


def test_the_largest_input_that_does_not_fit_at_all_is_told(experiment, monkeypatch):
    short_of_memory(monkeypatch, lambda images: images.shape[2] == 128)
    run = started(experiment(multi_scale=[64, 128]))
    before = [tensor.clone() for tensor in run.state.network.state_dict().values()]
    run.state.network.train()
    with pytest.raises(UserError, match="not enough memory for one image of 128x128"):
        try_largest_input(run, Computing(run.state.network, run.task.objective, run.place), print)
    assert all(map(torch.equal, before, run.state.network.state_dict().values()))


FLAT = """
import sys
from yolov3.cli import main
from yolov3.journal.display import TrainingDisplay

pages = []
original = TrainingDisplay.epoch_done

def epoch_done(self, *words):
    pages.append(int(open("/proc/self/statm").read().split()[1]))
    original(self, *words)

TrainingDisplay.epoch_done = epoch_done
code = main(["train", *sys.argv[1:]])
print("PAGES", *pages)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of a process's pages")
def test_memory_is_flat_over_epochs(data, tmp_path):
    """With everything that could pile up: evaluations, images for TensorBoard, checkpoints, several sizes."""
    settings = [
        f"data.root={data}", "model.variant=yolov3-tiny", "model.width=0.25", "model.image_size=96",
        "train.epochs=60", "train.batch_size=8", "train.evaluate_every=1", "train.multi_scale=[64, 128]",
        "train.multi_scale_every=1", "augment.mosaic=0.5", "train.workers=1", f"train.output={tmp_path}",
    ]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", FLAT, *settings], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    pages = [int(word) for word in done.stdout.split("PAGES")[1].split()]
    assert len(pages) == 60
    early, late = max(pages[15:20]), max(pages[55:60])
    assert late < 1.05 * early, pages
