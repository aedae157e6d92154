"""A run that torchrun starts again goes on where its last checkpoint is; notes of other runs are not taken for its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.processes.restart import forget_run, remember_run, run_to_resume


@pytest.fixture
def attempt(monkeypatch):
    """A function that makes this process one of torchrun's: of the run with an identity, after so many restarts."""

    def become(identity: str, restarts: int) -> None:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", identity)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))

    return become


def make_run(folder: Path) -> Path:
    """The folder of a run that has a checkpoint."""
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "last.pt").write_bytes(b"")
    return folder


def test_a_restart_finds_the_run_and_a_first_attempt_none(attempt, tmp_path):
    run = make_run(tmp_path / "runs" / "street")
    attempt("abc", 0)
    remember_run(tmp_path / "runs", run)
    assert run_to_resume(tmp_path / "runs") is None
    for restarts in (1, 2):
        attempt("abc", restarts)
        assert run_to_resume(tmp_path / "runs") == run


def test_a_run_that_got_to_no_checkpoint_begins_anew(attempt, tmp_path):
    run = tmp_path / "street"
    (run / "weights").mkdir(parents=True)
    attempt("abc", 1)
    remember_run(tmp_path, run)
    assert run_to_resume(tmp_path) is None
    (run / "weights" / "last.pt").mkdir()
    assert run_to_resume(tmp_path) is None


def test_nothing_noted_is_nothing_to_resume(attempt, tmp_path):
    attempt("abc", 1)
    assert run_to_resume(tmp_path) is None and run_to_resume(tmp_path / "none") is None


def test_runs_have_notes_of_their_own_and_the_newest_counts(attempt, tmp_path):
    first, second, third = (make_run(tmp_path / name) for name in ("run", "run-2", "run-3"))
    for identity, run in (("one", first), ("two", second), ("two", third)):
        attempt(identity, 1)
        remember_run(tmp_path, run)
    assert run_to_resume(tmp_path) == third
    attempt("one", 1)
    assert run_to_resume(tmp_path) == first
    attempt("other", 1)
    assert run_to_resume(tmp_path) is None


@pytest.mark.parametrize("identity", ["../../evil", "a b", "/etc/passwd", "", "ä\n猫", "."])
def test_whatever_the_identity_the_note_lies_in_the_output_folder(attempt, tmp_path, identity):
    output = tmp_path / "runs"
    run = make_run(output / "run")
    attempt(identity, 1)
    remember_run(output, run)
    assert run_to_resume(output) == run
    notes = {path.name for path in output.iterdir()} - {"run"}
    assert len(notes) == 1 and notes.pop().startswith(".torchrun-")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_without_torchrun_nothing_is_noted(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.delenv("TORCHELASTIC_RESTART_COUNT", raising=False)
    remember_run(tmp_path, make_run(tmp_path / "run"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert run_to_resume(tmp_path) is None


def test_the_folder_is_found_from_anywhere(attempt, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    run = make_run(tmp_path / "runs" / "run")
    attempt("abc", 1)
    monkeypatch.chdir(tmp_path)
    remember_run(Path("runs"), Path("runs/run"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run_to_resume(tmp_path / "runs") == run


@pytest.mark.parametrize("name", ["ä 猫 🚀", "two\nlines", os.fsdecode(b"not utf-8 \xff")])
def test_folders_of_every_name_are_found_again(attempt, tmp_path, name):
    run = make_run(tmp_path / name)
    attempt("abc", 1)
    remember_run(tmp_path, run)
    assert run_to_resume(tmp_path) == run


def test_a_note_that_cannot_be_read_is_told(attempt, tmp_path):
    attempt("abc", 1)
    (tmp_path / ".torchrun-abc").mkdir()
    with pytest.raises(UserError, match=r"\.torchrun-abc: cannot be read: Is a directory"):
        run_to_resume(tmp_path)
    with pytest.raises(UserError, match=r"\.torchrun-abc: cannot be written"):
        remember_run(tmp_path, tmp_path)


def children_of(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's list of child processes")
def test_a_killed_process_ends_the_others_and_a_restart_goes_on(one_thread, train_script, experiment, tmp_path):
    config = experiment(epochs=6, checkpoint_steps=1)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command = [*start, str(train_script), str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=one_thread
    ) as process:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if "epoch 2/6" in line and sum("epoch 2/6" in said for said in output) == 1:
                os.kill(children_of(process.pid)[-1], signal.SIGKILL)
                killed = time.monotonic()
        assert process.wait(timeout=60) == 0, "".join(output)[-3000:]
    text = "".join(output)
    assert text.count("epoch 1/6") == 1 and text.count("epoch 6/6") == 1, text
    assert time.monotonic() - killed < 120
    runs = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert [path.name for path in runs] == ["together"]
    assert read_checkpoint(runs[0] / "weights" / "last.pt")["training"]["progress"]["epoch"] == 6


def test_what_is_done_is_forgotten_whoever_finished_it(attempt, tmp_path):
    runs = [make_run(tmp_path / name) for name in ("one", "two")]
    for identity, run in zip("abc", (*runs, runs[0])):
        attempt(identity, 0)
        remember_run(tmp_path, run)
    forget_run(tmp_path, runs[0])
    assert [path.name for path in sorted(tmp_path.glob(".torchrun-*"))] == [".torchrun-b"]
    forget_run(tmp_path / "none", runs[1])


def test_another_file_may_prove_how_far_a_run_got(attempt, tmp_path):
    attempt("abc", 0)
    remember_run(tmp_path, make_run(tmp_path / "run"))
    attempt("abc", 1)
    assert run_to_resume(tmp_path, proof=".parts/plan.json") is None
    (tmp_path / "run" / ".parts").mkdir()
    (tmp_path / "run" / ".parts" / "plan.json").touch()
    assert run_to_resume(tmp_path, proof=".parts/plan.json") == tmp_path / "run"
