"""How much memory there is, and which errors say that it was too little."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from yolov3.machine.memory import first_line, free_memory, is_short_of_memory


def test_free_memory_is_what_the_machine_has_at_most():
    free = free_memory()
    assert free is None or 0 < free <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is read from Linux's /proc")
def test_the_limit_of_the_process_counts():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000));"
        "from yolov3.machine.memory import free_memory; print(free_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 300_000_000


def test_what_says_that_there_is_no_memory_is_known():
    with pytest.raises(MemoryError) as numpys:
        np.empty(10**17, np.uint8)
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(10**17, dtype=torch.uint8)
    with pytest.raises(cv2.error) as opencvs:
        cv2.resize(np.zeros((1, 1), np.float64), (2**30, 2**30))
    for caught in (numpys, torchs):
        assert is_short_of_memory(caught.value)
        assert "\n" not in first_line(caught.value)
    assert is_short_of_memory(opencvs.value) or "overflow" in str(opencvs.value) or "size" in str(opencvs.value)
    assert is_short_of_memory(MemoryError()) and first_line(MemoryError()) == "MemoryError"


def test_other_errors_say_something_else():
    for error in (ValueError("no"), RuntimeError("sizes do not match"), KeyError("memory")):
        assert not is_short_of_memory(error)
