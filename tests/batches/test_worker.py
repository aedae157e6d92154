"""What worker processes have in common: Ctrl-C is not theirs, OpenCV runs in one thread, nobody dies out of nowhere."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.batches import worker as module
from yolov3.batches.worker import child_signal_kept, one_opencv_thread, signals_held_back
from yolov3.processes.stopping import EXIT_CODES


@pytest.mark.parametrize("number", EXIT_CODES)
@pytest.mark.parametrize("prepared", [True, False])
def test_a_worker_does_not_hear_what_tells_the_program_to_end(number, prepared):
    program = (
        "import os, signal, sys\nfrom yolov3.batches.worker import Preparation\n"
        f"signal.signal({number:d}, signal.SIG_DFL)\npreparation = Preparation(); preparation.parent = os.getppid()\n"
        f"{'preparation(0)' if prepared else ''}\nos.kill(os.getpid(), {number:d})\nsys.exit(7)"
    )
    code = subprocess.run([sys.executable, "-c", program], capture_output=True).returncode
    assert code == (7 if prepared else -number)


def prepare_and_wait(preparation, connection) -> None:
    preparation(0)
    connection.send(os.getpid())
    time.sleep(60)


LEAVE_A_WORKER = """
import multiprocessing, os, signal, sys
from yolov3.batches.worker import Preparation, signals_held_back
from tests_of_workers import prepare_and_wait
preparation = Preparation()
preparation.note_parent()
ours, theirs = multiprocessing.Pipe()
with signals_held_back():
    multiprocessing.get_context("fork").Process(target=prepare_and_wait, args=(preparation, theirs)).start()
print(ours.recv(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own")
def test_a_worker_dies_with_its_program(tmp_path):
    (tmp_path / "tests_of_workers.py").write_text("import os, time\n" + inspect.getsource(prepare_and_wait))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", LEAVE_A_WORKER], stdout=subprocess.PIPE, text=True, env=environment)
    worker, deadline = Path("/proc", done.stdout.strip()), time.monotonic() + 3
    while worker.exists() and "State:\tZ" not in (worker / "status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_signals_that_come_while_a_worker_is_forked_come_afterwards():
    heard = []
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        with signals_held_back():
            signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
            assert heard == []
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_memory_that_can_be_shared_is_known_where_there_is_some(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "SHARED_MEMORY", str(tmp_path))
    assert 0 < module.free_shared_memory() <= shutil.disk_usage(tmp_path).total
    monkeypatch.setattr(module, "SHARED_MEMORY", str(tmp_path / "none"))
    assert module.free_shared_memory() is None


def test_what_processes_share_lies_in_files_and_is_limited_as_these_are():
    program = (
        "import resource\nfrom yolov3.batches.worker import free_shared_memory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\nprint(free_shared_memory())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "1000\n", done.stderr


def resize_something(answers) -> None:
    answers.put((cv2.getNumThreads(), cv2.resize(np.full((600, 600, 3), 9, np.uint8), (50, 50)).mean()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs forked processes")
def test_a_forked_process_uses_opencv_in_one_thread_and_ends():
    cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (1000, 1000), interpolation=cv2.INTER_AREA)  # makes the pool
    before = cv2.getNumThreads()
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    with one_opencv_thread():
        process = fork.Process(target=resize_something, args=(answers,))
        process.start()
    assert answers.get(timeout=60) == (1, 9.0)
    process.join(10)
    assert process.exitcode == 0
    assert cv2.getNumThreads() == before


def test_the_threads_come_back_whatever_happens():
    before = cv2.getNumThreads()
    with pytest.raises(ValueError, match="stop"), one_opencv_thread():
        assert cv2.getNumThreads() == 1
        raise ValueError("stop")
    assert cv2.getNumThreads() == before


def test_what_torch_says_about_dying_children_is_taken_back():
    heard = []
    own = signal.signal(signal.SIGCHLD, lambda *_: heard.append("mine"))
    try:
        mine = signal.getsignal(signal.SIGCHLD)
        with child_signal_kept():
            signal.signal(signal.SIGCHLD, lambda *_: heard.append("another's"))
        assert signal.getsignal(signal.SIGCHLD) is mine
        os.kill(os.getpid(), signal.SIGCHLD)
        with child_signal_kept():
            pass
        assert signal.getsignal(signal.SIGCHLD) is mine
    finally:
        signal.signal(signal.SIGCHLD, own)
    assert heard == ["mine"]
