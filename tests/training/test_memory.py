"""A batch that memory does not hold is computed in parts, by all processes alike; the largest input is tried first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yolov3 import UserError
from yolov3.config.loading import build_experiment
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.models.darknet_tiny import DarknetTiny
from yolov3.processes.world import World
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.training.memory import try_largest_input
from yolov3.training.run import start_run
from yolov3.training.step import Computing
from yolov3.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=20, val=6, unseen=0, seed=2)


def experiment(data: Path, output: Path, **settings):
    values = {
        "data": {"root": str(data)},
        "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "train": {"epochs": 1, "batch_size": 8, "workers": 0, "device": "cpu", "output": str(output), **settings},
    }
    return build_experiment(values, "the test")


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


def test_parts_are_halved_and_the_run_goes_on(data, tmp_path, monkeypatch, capsys):
    """Memory for at most three images of a part: a batch of eight is computed in four parts from then on."""
    short_of_memory(monkeypatch, lambda images: len(images) > 3)
    result = train(experiment(data, tmp_path), name="memory")
    output = capsys.readouterr().out
    assert "step 1: out of memory; from now on a batch is computed in 2 parts" in output
    assert "in 4 parts" in output and "in 8 parts" not in output
    progress = read_checkpoint(result.last)["training"]["progress"]
    assert progress["parts"] == 4 and progress["step"] == 3


def test_memory_that_ends_in_a_backward_pass_counts_too(data, tmp_path, monkeypatch, capsys):
    original = torch.Tensor.backward
    calls = []

    def backward(self, *arguments, **settings):
        calls.append(1)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory (made up)")
        return original(self, *arguments, **settings)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    result = train(experiment(data, tmp_path), name="memory")
    assert "step 2: out of memory" in capsys.readouterr().out
    progress = read_checkpoint(result.last)["training"]["progress"]
    assert progress["parts"] == 2 and progress["step"] == 3 and progress["skipped"] == 0


def test_no_memory_for_a_single_image_is_said(data, tmp_path, monkeypatch):
    short_of_memory(monkeypatch, lambda images: True)
    with pytest.raises(UserError, match=r"not enough memory for one image of \d+x\d+"):
        train(experiment(data, tmp_path), name="memory")


def test_the_largest_input_is_tried_first_and_leaves_no_trace(data, tmp_path, monkeypatch):
    tried = short_of_memory(monkeypatch, lambda images: len(images) > 4 and images.shape[2] == 160)
    run = start_run(experiment(data, tmp_path, multi_scale=[64, 170]), name="run", resume=None, world=World())
    network = run.state.network.train()
    before = [tensor.clone() for tensor in network.state_dict().values()]
    random_state = torch.get_rng_state()
    said: list[str] = []
    try_largest_input(run, Computing(network, run.device, run.precision), said.append)
    assert tried == [(8, 3, 160, 160), (4, 3, 160, 160), (4, 3, 160, 160)]
    assert run.state.progress.parts == 2 and len(said) == 1
    assert all(torch.equal(old, new) for old, new in zip(before, network.state_dict().values()))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), random_state) and not run.state.optimiser.state


FLAT = """
import sys
from yolov3.cli import main
from yolov3.journal.display import TrainingDisplay

pages = []
original = TrainingDisplay.epoch_done

def epoch_done(self, row, watch):
    pages.append(int(open("/proc/self/statm").read().split()[1]))
    original(self, row, watch)

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
