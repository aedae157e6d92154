"""Who waits for workers that die, stop or stall learns it in time, in one line; who is merely slow is waited for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from yolov3.batches import patience as module
from yolov3.batches.loader import Arrays, BatchLoader, Work
from yolov3.batches.patience import LostWorkers, Patience, kill
from yolov3.batches.plan import BatchPlan
from yolov3.errors import UserError


class Slow(Work[int]):
    """Answers with the number of the plan and the id of the process."""

    def make(self, plan: BatchPlan) -> Arrays:
        return Arrays(plan.indices, torch.full((1, 3, *plan.size), plan.number), (torch.tensor(os.getpid()),))

    def finish(self, arrays: Arrays) -> int:
        assert (arrays.images == arrays.indices[0]).all()
        return int(arrays.known[0])

    def path_of(self, index: int) -> Path:
        return Path(f"{index}.png")


def plans(count: int, side: int = 8) -> list[BatchPlan]:
    return [BatchPlan(number, 0, (number,), (side, side)) for number in range(count)]


@pytest.fixture
def short_patience(monkeypatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 3.0)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = set(multiprocessing.active_children())
    yield
    deadline = time.monotonic() + 10
    while not set(multiprocessing.active_children()) <= before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("side", [8, 600])  # answers of some bytes, and such whose memory is fetched from the worker
@pytest.mark.parametrize("when", ["in an epoch", "between epochs"])
def test_a_stopped_worker_is_named_within_the_patience(short_patience, side, when):
    loader = BatchLoader(Slow(), 2)
    batches = loader.batches(plans(40, side))
    workers = {next(batches) for _ in range(8)}
    if when == "between epochs":
        workers |= set(batches)
    os.kill(min(workers), signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(
        UserError, match=r"^a loader process has not answered for 3 seconds at batch \d+ of epoch 1, whose"
    ):
        list(batches if when == "in an epoch" else loader.batches(plans(40, side)))
    assert time.monotonic() - start < 3 + 4


def test_a_worker_that_stalls_between_epochs_is_waited_for():
    """For longer than torch's own limit was."""
    loader = BatchLoader(Slow(), 2)
    workers = set(loader.batches(plans(8)))
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    threading.Timer(3.0, lambda: [os.kill(worker, signal.SIGCONT) for worker in workers]).start()
    assert set(loader.batches(plans(8))) == workers


def test_only_waiting_counts(short_patience):
    """A main process that takes its time, and one that is stopped itself, are no fault of the workers."""
    loader = BatchLoader(Slow(), 1)
    batches = loader.batches(plans(3))
    first = next(batches)
    time.sleep(4)
    assert list(batches) == [first] * 2


def test_a_program_that_was_stopped_has_not_waited(tmp_path):
    program = (
        "import time\nfrom yolov3.batches import patience\npatience.PATIENCE = 2.0\n"
        "with patience.Patience([]) as it, it.waiting():\n    print('ready', flush=True); time.sleep(1)\n"
        "print(it.is_out)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=20)[0] == "False\n"


def test_it_is_out_when_somebody_waited_too_long(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    process = multiprocessing.Process(target=time.sleep, args=(60,))
    process.start()
    with Patience([process]) as patience:
        for _ in range(4):
            with patience.waiting():
                time.sleep(0.15)
        assert not patience.is_out and process.is_alive()
        with patience.waiting():
            process.join(20)
    assert patience.is_out and process.exitcode == -signal.SIGKILL


def test_what_has_nothing_to_do_with_workers_stays_what_it_is():
    process = multiprocessing.Process(target=time.sleep, args=(60,))
    process.start()
    for error in (ValueError("ours"), FileNotFoundError("theirs"), StopIteration()):
        with (
            pytest.raises(type(error)) as caught,
            Patience([process]) as patience,
            LostWorkers([process], patience, None, None),
        ):
            raise error
        assert caught.value is error
    kill([process])
    process.join(10)
    with (
        pytest.raises(
            UserError, match=r"^a loader process was killed, perhaps because memory ran out,; train\.workers=0"
        ),
        Patience([process]) as patience,
        LostWorkers([process], patience, None, None),
    ):
        raise ConnectionResetError("the connection to the worker")
