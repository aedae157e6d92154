"""Batches made by processes: the same whatever makes them, and what goes wrong there is said here in one line."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolov3.batches import worker
from yolov3.batches.loader import Arrays, BatchLoader, EpochLoader, OrderedLoader, Work
from yolov3.batches.plan import BatchPlan, EpochSettings, plan_in_order
from yolov3.errors import UserError


class Squares(Work[tuple[list[int], Path]]):
    """Answers with the squares of the numbers; some numbers cannot be, in ways of their own."""

    def make(self, plan: BatchPlan) -> Arrays:
        if 13 in plan.indices:
            raise UserError("13.png: brings bad luck")
        if 99 in plan.indices:
            raise ValueError("ours")
        squares = torch.tensor([index**2 for index in plan.indices])
        return Arrays(plan.indices, torch.full((len(plan.indices), 3, *plan.size), plan.epoch), (squares,))

    def finish(self, arrays: Arrays) -> tuple[list[int], Path]:
        return arrays.known[0].tolist(), self.path_of(arrays.indices[0])

    def path_of(self, index: int) -> Path:
        return Path(f"{index}.png")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """A loader that is gone has taken its workers with it."""
    before = set(multiprocessing.active_children())
    yield
    gc.collect()  # what was raised holds the loader in a circle
    assert set(multiprocessing.active_children()) <= before


def fingerprint(batch) -> list[torch.Tensor]:
    targets = batch.targets
    return [batch.images, targets.boxes, targets.labels, targets.image_index, targets.ignore, targets.weights]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(dataset, make_loader, workers):
    settings = dict(sides=(64, 160), every=1)
    alone, helped = make_loader(dataset, **settings), make_loader(dataset, workers=workers, **settings)
    for epoch in (0, 1, 5):
        for first, second in zip(alone.epoch(epoch), helped.epoch(epoch), strict=True):
            assert [sample.image_id for sample in first.samples] == [sample.image_id for sample in second.samples]
            assert all(torch.equal(a, b) for a, b in zip(fingerprint(first), fingerprint(second), strict=True))


def test_an_epoch_goes_on_where_it_stopped(dataset, make_loader):
    loader = make_loader(dataset)
    whole, rest = list(loader.epoch(2)), list(loader.epoch(2, start=1))
    assert len(whole) == len(loader) == 3 and len(rest) == 2
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole[1:], rest, strict=True))
    assert list(loader.epoch(2, start=3)) == []


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_whatever_is_made_comes_in_the_order_of_the_plans(workers):
    loader = BatchLoader(Squares(), workers)
    plans = [BatchPlan(n, 0, tuple(range(n, n + 3)), (1, 1)) for n in (5, 0, 40, 2, 7, 1)]
    for _ in range(2):
        found = list(loader.batches(plans))
        assert [squares for squares, _ in found] == [[n**2 for n in plan.indices] for plan in plans]
        assert [path.name for _, path in found] == ["5.png", "0.png", "40.png", "2.png", "7.png", "1.png"]
    assert list(loader.batches([])) == []


def test_an_epoch_knows_its_length_and_an_order_too():
    settings = EpochSettings(batch_size=4, seed=0, size=(1, 1))
    epochs = EpochLoader(Squares(), num_samples=10, settings=settings, workers=0)
    squares = [square for found, _ in epochs.epoch(0) for square in found]
    assert len(epochs) == 3 and len(squares) == 12 and set(squares) == {n**2 for n in range(10)}
    ordered = OrderedLoader(Squares(), plan_in_order(10, batch_size=4, size=(1, 1)), workers=2)
    assert len(ordered) == 3 and [len(found) for found, _ in ordered] == [4, 4, 2]


def test_nothing_to_make_needs_no_worker():
    assert list(OrderedLoader(Squares(), [], workers=2)) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_user_can_mend_is_raised_in_one_line(workers):
    loader = BatchLoader(Squares(), workers)
    batches = loader.batches([BatchPlan(0, 0, (1, 2), (1, 1)), BatchPlan(1, 0, (12, 13), (1, 1))])
    assert next(batches)[0] == [1, 4]
    with pytest.raises(UserError, match=r"^13\.png: brings bad luck$"):
        next(batches)
    assert [squares for squares, _ in loader.batches([BatchPlan(0, 1, (3,), (1, 1))])] == [[9]]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_ours_is_not_taken_for_the_users(workers):
    with pytest.raises(ValueError, match="ours") as caught:
        list(BatchLoader(Squares(), workers).batches([BatchPlan(0, 0, (99,), (1, 1))]))
    traceback.clear_frames(caught.tb)  # torch's exception holds itself, and a worker found by the collector ends slowly


def test_loading_draws_nothing_from_the_trainings_random_numbers():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(BatchLoader(Squares(), 2).batches([BatchPlan(0, 0, (1,), (1, 1))]))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named_in_one_line(dataset, make_loader, tmp_path, workers):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    broken = replace(dataset, samples=(replace(dataset.samples[0], path=bad),))
    with pytest.raises(UserError, match=r"^\S*bad\.png: the file is empty \(0 bytes\)$"):
        list(make_loader(broken, workers=workers).epoch(0))


def test_a_killed_worker_is_named_with_what_it_was_at_and_only_by_the_loader(dataset, make_loader):
    """Not by an exception out of nowhere in whatever the main process is doing."""
    others = set(multiprocessing.active_children())
    loader = make_loader(dataset, workers=1)
    batches = loader.epoch(0)
    next(batches)
    (worker,) = set(multiprocessing.active_children()) - others
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    assert not worker.is_alive()
    with pytest.raises(UserError, match=r"a loader process was killed.*of epoch \d+, whose first image is .*\.png"):
        for epoch in range(1, 4):
            list(batches)
            batches = loader.epoch(epoch)


def test_a_hanging_worker_is_named_and_does_not_keep_the_process_from_ending(tmp_path):
    """One image takes for ever, as on a network drive that is gone; in a process of its own, because that is to end."""
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((64, 64, 3), np.uint8))
        (tmp_path / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    program = f"""
import time
import yolov3.batches.patience as module
import yolov3.batches.sample as reading
from yolov3.batches.detection import training_loader
from yolov3.batches.plan import EpochSettings
from yolov3.config.experiment import DataSection
from yolov3.config.learning import AugmentSection
from yolov3.catalogue.opening import open_dataset
from yolov3.structures import Preprocessing

module.PATIENCE = 2.0
data = open_dataset(DataSection(root={str(tmp_path)!r}, format="yolo", train=".", names=("thing",)), "train")
read = reading.read_sample_image
reading.read_sample_image = lambda sample: time.sleep(600) if sample is data.samples[5] else read(sample)
settings = EpochSettings(batch_size=1, seed=0, size=(64, 64))
preprocessing = Preprocessing(size=(64, 64))
loader = training_loader(
    data, augment=AugmentSection(), preprocessing=preprocessing, settings=settings, workers=2
)
list(loader.epoch(0))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert re.search(
        r"UserError: a loader process has not answered for 2 seconds at batch \d of epoch 1, whose first .*5\.png",
        ended.stderr,
    )


def test_without_memory_to_share_batches_come_through_pipes_and_are_the_same(dataset, make_loader, monkeypatch, caplog):
    monkeypatch.setattr(worker, "free_shared_memory", lambda: 1 << 20)
    helped = make_loader(dataset, workers=2, size=(608, 608), batch_size=2)
    expected = make_loader(dataset, size=(608, 608), batch_size=2)
    for first, second in zip(expected.epoch(0), helped.epoch(0), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(fingerprint(first), fingerprint(second), strict=True))
    assert "/dev/shm has 1 MB left, too little for batches of 2 MB from several processes" in caplog.text


SMALL_MEMORY = """
import sys, torch
from pathlib import Path
from yolov3.batches import worker
from yolov3.batches.loader import Arrays, BatchLoader, Work
from yolov3.batches.plan import BatchPlan

class Large(Work):
    def make(self, plan): return Arrays(plan.indices, torch.full((8, 3, *plan.size), plan.number, dtype=torch.uint8), ())
    def finish(self, arrays): return int(arrays.images.float().mean())
    def path_of(self, index): return Path("x.png")

plans = [BatchPlan(number, 0, (number,), (608, 608)) for number in range(6)]
print(list(BatchLoader(Large(), 2).batches(plans)))
"""


def test_a_small_dev_shm_as_in_a_container(tmp_path):
    mount = "mount -t tmpfs -o size=16m none /dev/shm"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no file system of one's own can be mounted here")
    program = tmp_path / "program.py"
    program.write_text(SMALL_MEMORY)
    command = f"{mount} && exec {sys.executable} {program}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, text=True, timeout=100)
    assert done.stdout == "[0, 1, 2, 3, 4, 5]\n", done.stderr[-2000:]
    assert "they come through pipes" in done.stderr


def test_where_nothing_can_be_shared_it_is_told_at_once():
    program = (
        "import resource\nfrom yolov3.batches.loader import _require_semaphores\nfrom yolov3.errors import UserError\n"
        "_require_semaphores()\nresource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))\n"
        "try: _require_semaphores()\nexcept UserError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("loader processes cannot be started: the system gives no semaphore ("), done.stderr
