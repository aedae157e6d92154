"""A new folder for every run, whoever asks for one at the same moment; what is in the way is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.files.run_folder import check_run_name, make_run_folder


def test_folders_are_counted_from_two(tmp_path: Path) -> None:
    names = [make_run_folder(tmp_path / "runs" / "detect", "street").name for _ in range(3)]
    assert names == ["street", "street-2", "street-3"]
    assert all((tmp_path / "runs" / "detect" / name).is_dir() for name in names)


def test_a_gap_is_filled(tmp_path: Path) -> None:
    for name in ("a", "a-3"):
        (tmp_path / name).mkdir()
    assert make_run_folder(tmp_path, "a").name == "a-2"
    assert make_run_folder(tmp_path, "a").name == "a-4"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "/", "a\0"])
def test_a_name_is_one_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="one folder"):
        make_run_folder(tmp_path, name)


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: the run's folder cannot be made: a file lies in its place"):
        make_run_folder(tmp_path, "file")
    with pytest.raises(UserError, match="cannot be made"):
        make_run_folder(tmp_path / "file", "run")
    with pytest.raises(UserError, match="cannot be made"):
        make_run_folder(tmp_path / "file" / "deeper", "run")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="cannot be made"):
        make_run_folder(tmp_path, "dangling")


def test_an_unwritable_place_is_an_error() -> None:
    with pytest.raises(UserError, match=r"/proc/.*cannot be made"):
        make_run_folder(Path("/proc/nothing"), "run")


def test_a_name_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be made"):
        make_run_folder(tmp_path, "n" * 300)


def test_twenty_processes_at_once_get_twenty_folders(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from yolov3.files.run_folder import make_run_folder\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(make_run_folder(Path(sys.argv[1]), 'run').name)"
    )
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "runs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    for runner in runners:
        assert runner.stdout is not None and runner.stdout.readline() == "ready\n"
    for runner in runners:
        assert runner.stdin is not None
        runner.stdin.write("\n")
        runner.stdin.flush()
    names = {runner.communicate()[0].strip() for runner in runners}
    assert names == {"run", *(f"run-{number}" for number in range(2, 21))}


def test_a_name_can_be_checked_before_anything_is_made(tmp_path):
    check_run_name("run 1")
    with pytest.raises(UserError, match=r"must be the name of one folder, without slashes, found '\.\.'"):
        check_run_name("..")
