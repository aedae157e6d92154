"""What this process holds, beside what it was made to hold."""

from __future__ import annotations

import mmap
import sys

import pytest

from yolov3.machine.resident import forget_peak, held_memory, peak_memory

MIB = 1024**2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it")
def test_the_peak_is_seen_and_forgotten():
    forget_peak()
    before = held_memory()
    with mmap.mmap(-1, 64 * MIB) as room:  # held for a moment; an allocator could take it from what it kept
        room.write(b"x" * MIB * 64)
    assert 50 * MIB < peak_memory() - before < 150 * MIB
    if forget_peak():
        assert peak_memory() <= held_memory() + MIB


def test_without_proc_there_is_the_peak_of_the_whole_life(monkeypatch, tmp_path):
    monkeypatch.setattr("yolov3.machine.resident._PROC", tmp_path / "none")
    assert peak_memory() > 10 * MIB and held_memory() == 0 and not forget_peak()
