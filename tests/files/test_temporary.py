"""Temporary names: nobody shares one, nothing stays of those who ended or were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from yolov3.files.temporary import one_at_a_time, sync_folder, temporary_file, temporary_folder

HOLDER = """
import sys, time
from pathlib import Path
from yolov3.files.temporary import temporary_file, temporary_folder

path = Path(sys.argv[1])
with temporary_file(path) as (stream, place), temporary_folder(path.with_name("folder")) as folder:
    stream.write(b"half of something")
    stream.flush()
    (folder / "left").mkdir()
    (folder / "left" / "file").write_text("half")
    print(place.name, folder.name, flush=True)
    time.sleep(60)
"""


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_empty_and_goes_afterwards(tmp_path):
    with temporary_file(tmp_path / "a.bin") as (stream, place):
        stream.write(b"x")
        assert place == tmp_path / ".a.bin.tmp" and place.is_file()
    with temporary_folder(tmp_path / "a.bin") as folder:
        (folder / "b").write_text("x")
        assert folder.is_dir()
    with pytest.raises(ZeroDivisionError), temporary_file(tmp_path / "a.bin"):
        raise ZeroDivisionError
    assert names_in(tmp_path) == []


def test_what_was_renamed_stays_also_where_the_next_writer_has_taken_the_name(tmp_path):
    with temporary_file(tmp_path / "a") as (stream, place):
        stream.write(b"first")
        stream.flush()
        place.replace(tmp_path / "a")
        with temporary_file(tmp_path / "a") as (_, other):
            assert other == place
    assert (tmp_path / "a").read_bytes() == b"first" and names_in(tmp_path) == ["a"]
    with temporary_file(tmp_path / "a") as (_, place):
        place.replace(tmp_path / "a")
        with temporary_file(tmp_path / "a") as (_, other):
            pass
        other.write_text("somebody else's")  # who came after that
    assert other.read_text() == "somebody else's"


def test_two_at_once_have_a_name_each(tmp_path):
    with temporary_file(tmp_path / "a") as (_, first), temporary_file(tmp_path / "a") as (_, second):
        assert (first.name, second.name) == (".a.tmp", ".a.2.tmp")
    with temporary_folder(tmp_path / "a") as first, temporary_folder(tmp_path / "a") as second:
        assert (first.name, second.name) == (".a.tmp", ".a.2.tmp")
    assert names_in(tmp_path) == []


def test_what_a_killed_process_left_is_taken_over(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == ".a.tmp .folder.tmp\n"
        with temporary_file(tmp_path / "a") as (_, place), temporary_folder(tmp_path / "folder") as folder:
            assert (place.name, folder.name) == (".a.2.tmp", ".folder.2.tmp")
        process.send_signal(signal.SIGKILL)
    assert names_in(tmp_path) == [".a.tmp", ".folder.tmp"]
    with temporary_file(tmp_path / "a") as (stream, place), temporary_folder(tmp_path / "folder") as folder:
        assert (place.name, folder.name) == (".a.tmp", ".folder.tmp")
        assert stream.read() == b"" and names_in(folder) == []
    assert names_in(tmp_path) == []


def test_a_link_in_its_place_leads_nowhere(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".a.tmp").symlink_to(mine)
    with pytest.raises(OSError, match="symbolic link"), temporary_file(tmp_path / "a"):
        pass
    assert mine.read_text() == "mine"


def test_one_at_a_time(tmp_path):
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with one_at_a_time(tmp_path):
                inside += 1
                most = max(most, inside)
                os.sched_yield()
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_folder_that_is_gone_is_told(tmp_path):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
