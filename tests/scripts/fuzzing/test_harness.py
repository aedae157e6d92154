"""A planted fault of each kind is found, its input kept, and the work goes on."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from fuzzing.child import load_catalogue
from fuzzing.findings import Findings, Tally
from fuzzing.harness import Plan, replay, run
from fuzzing.reader import Limits

READERS = dedent(
    """
    import os
    import time

    from fuzzing.mutations import change_bytes
    from fuzzing.reader import Reader
    from yolov3.errors import UserError

    class Raw(UserError):
        def __str__(self): return self.raw
        def __init__(self, raw): self.raw = raw

    def when_changed(fault):
        def read(path):
            data = path.read_bytes()
            if data == b"valid":
                return
            fault()
            raise UserError(f"{path}: not valid")
        return read

    def raises(): [][1]
    def leaves(): raise SystemExit(3)
    def takes(): bytearray(100 << 20)
    def asks(): bytearray(1 << 40)
    def turns():
        while True: pass
    def waits(): time.sleep(100)
    def works():
        end = time.process_time() + 0.4
        while time.process_time() < end: pass
    def aborts(): os.abort()
    def steers(): raise Raw("clear \\x1b[2J")
    def talks(): raise Raw("x" * 10000)
    def keeps(): KEPT.extend(open(os.devnull) for _ in range(20))
    def fine(): pass
    KEPT = []

    def reader(name, fault, **more):
        return Reader(name, "in/x.bin", lambda folder: [b"valid"], when_changed(fault), change_bytes, **more)

    READERS = [reader(each.__name__, each) for each in
               (raises, leaves, takes, asks, turns, waits, works, aborts, steers, talks, keeps, fine)]
    READERS.append(reader("allowed", takes, constant=200 << 20))
    """
)

FAULTS = {
    "raises": "exception", "leaves": "exception", "takes": "memory", "asks": "memory", "turns": "hang", "waits": "hang",
    "works": "hang", "aborts": "crash", "steers": "message", "talks": "message",
    "keeps": "leak",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stubs") / "planted_readers.py"
    path.write_text(READERS)
    return path


def test_planted_faults_are_found_and_nothing_else(catalogue, tmp_path):
    readers = load_catalogue(catalogue).READERS
    tally, findings, told = Tally(tmp_path / "inputs.json", seed=0), Findings(tmp_path / "findings"), []
    run(Plan(catalogue, readers, inputs=2, limits=Limits(0.3, 0.8)), tally, findings, told.append)
    assert {tally.inputs[reader.name] for reader in readers} == {2}
    assert tally.most["allowed"] >= 90 << 20 > tally.most["fine"]
    kinds = {line.split(": ")[0]: line.split(": ")[1] for line in told}
    assert kinds == FAULTS
    kept = [path for path in findings.folder.iterdir() if path.suffix == ".bin"]
    assert {path.name.partition("--")[0] for path in kept} == set(FAULTS)
    assert all(path.read_bytes() != b"valid" for path in kept)


def test_kept_inputs_show_their_faults_again(catalogue, tmp_path):
    readers = load_catalogue(catalogue).READERS
    cases = []
    for name in ("raises", "aborts", "takes", "fine"):
        cases.append(tmp_path / f"{name}--x.bin")
        cases[-1].write_bytes(b"ab")
        cases.append(tmp_path / f"{name}--y.bin")
        cases[-1].write_bytes(b"valid")
    found = replay(catalogue, readers, cases)
    assert sorted((each.reader, each.kind, each.data) for each in found) == [
        ("aborts", "crash", b"ab"), ("raises", "exception", b"ab"), ("takes", "memory", b"ab"),
    ]  # fmt: skip


def test_time_ends_a_run(catalogue, tmp_path):
    readers = [reader for reader in load_catalogue(catalogue).READERS if reader.name in ("fine", "allowed")]
    tally = Tally(tmp_path / "inputs.json", seed=0)
    run(Plan(catalogue, readers, seconds=1.0, processes=2), tally, Findings(tmp_path / "findings"))
    assert min(tally.inputs[reader.name] for reader in readers) > 0
    assert Tally.open(tmp_path / "inputs.json", 0).inputs == tally.inputs
