"""What worker processes have in common: Ctrl-C is not theirs, OpenCV runs in one thread, nobody dies out of nowhere."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from yolov3.batches.worker import child_signal_kept, one_opencv_thread


@pytest.mark.parametrize(("prepare", "code"), [("prepare_worker(0)", 7), ("pass", -signal.SIGINT)])
def test_a_worker_does_not_hear_ctrl_c(prepare, code):
    program = (
        "import os, signal, sys\nfrom yolov3.batches.worker import prepare_worker\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        f"{prepare}\nos.kill(os.getpid(), signal.SIGINT)\nsys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == code


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
