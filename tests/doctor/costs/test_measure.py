"""A process that measures: real ones, that answer, refuse, are ended, and end with whoever asked."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from yolov3.checks.finding import Finding
from yolov3.doctor.costs import measure
from yolov3.doctor.costs.cost import TrainingCost
from yolov3.doctor.costs.measure import measure_cost
from yolov3.watching.watcher import Watcher


class Told(Watcher):
    def __init__(self) -> None:
        self.texts: list[str | None] = []

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.texts.append(text)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_it_measures_and_writes_nothing(experiment_of, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, told = tree(folder), Told()
    lost = {"weights": str(tmp_path / "gone.pt"), "cache": "disk"}
    cost = measure_cost(experiment_of(train=lost), watcher=told)
    assert isinstance(cost, TrainingCost) and cost.memory.is_measured and cost.with_reading
    assert told.texts[0] == "what training costs: opening the data" and len(told.texts) == 5
    assert tree(folder) == before and list(tmp_path.iterdir()) == []


def test_what_a_training_would_refuse_is_a_note(experiment_of, tmp_path):
    finding = measure_cost(experiment_of(data={"root": str(tmp_path)}))
    assert isinstance(finding, Finding) and (finding.kind, finding.severity) == ("cost-unknown", "note")
    assert str(tmp_path) in finding.what


def test_a_process_that_the_system_ends_says_that_memory_is_short(experiment_of, monkeypatch):
    monkeypatch.setattr(measure, "_PROGRAM", "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 9)")
    finding = measure_cost(experiment_of())
    assert isinstance(finding, Finding) and (finding.kind, finding.severity) == ("memory-short", "warning")


def test_another_end_is_a_fault_of_ours(experiment_of, monkeypatch):
    monkeypatch.setattr(measure, "_PROGRAM", "import sys; sys.stdin.read(); sys.exit(3)")
    with pytest.raises(RuntimeError, match="exit code 3"):
        measure_cost(experiment_of())


def test_it_ends_with_whoever_asked(experiment_of, monkeypatch):
    class Impatient(Watcher):
        def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
            raise KeyboardInterrupt

    pids = []
    whole = subprocess.Popen

    def popen(*words, **more):
        child = whole(*words, **more)
        pids.append(child.pid)
        return child

    monkeypatch.setattr(measure.subprocess, "Popen", popen)
    sleeper = 'import sys, time; sys.stdin.read(); print(\'{"progress": [0, 4, "x"]}\', flush=True); time.sleep(60)'
    monkeypatch.setattr(measure, "_PROGRAM", sleeper)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        measure_cost(experiment_of(), watcher=Impatient())
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
