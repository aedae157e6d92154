"""One process at a time has a run's folder, whatever became of those before it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.processes.run_lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from yolov3.processes.run_lock import RunLock
lock = RunLock.of(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_who_comes_second_is_refused_until_the_first_is_gone_killed_or_not(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        message = f"{tmp_path}: another process works in this folder; two would overwrite each other's files"
        with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
            RunLock.of(tmp_path)
        process.send_signal(signal.SIGKILL)
    with RunLock.of(tmp_path), pytest.raises(UserError, match="another process"):
        RunLock.of(tmp_path)
    again = RunLock.of(tmp_path)
    del again
    RunLock.of(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_only_be_read_is_locked_too(tmp_path):
    tmp_path.chmod(0o555)
    with RunLock.of(tmp_path), pytest.raises(UserError, match="another process"):
        RunLock.of(tmp_path)


def test_where_nothing_can_be_locked_that_is_told(tmp_path, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", refuse)  # as network drives do
    with RunLock.of(tmp_path):
        assert "cannot be locked (Bad file descriptor); see that no second run goes on in it" in caplog.text
    monkeypatch.undo()
    RunLock.of(tmp_path).release()


def test_a_folder_that_is_not_there_is_somebody_elses_matter(tmp_path):
    RunLock.of(tmp_path / "none").release()


START = """
import sys, time
from pathlib import Path
from yolov3.files.run_folder import make_run_folder
from yolov3.processes.run_lock import RunLock
print("ready", flush=True)
sys.stdin.read()
folder = make_run_folder(Path(sys.argv[1]), "run")
with RunLock.of(folder):
    (folder / "mine").write_text(str(folder))
    print(folder, flush=True)
"""


def test_twenty_that_start_at_the_same_moment_have_a_folder_each(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path / "runs")]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    folders = {process.communicate(timeout=60)[0].strip() for process in started}
    assert all(process.returncode == 0 for process in started)
    assert folders == {str(tmp_path / "runs" / name) for name in ["run", *(f"run-{n}" for n in range(2, 21))]}
    assert all(Path(folder, "mine").read_text() == folder for folder in folders)
