"""A file is the old one or the new one, whatever happens in the midst: errors, a full disk, a killed process."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch

from yolov3.errors import UserError
from yolov3.files.atomic import (
    file_sha256,
    write_atomically,
    write_json_list,
    write_text_atomically,
    write_together,
    write_whole,
)

OLD, NEW = b"old" * 1000, b"the new content" * 5000


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def writer_of(content: bytes) -> Callable[[IO[bytes]], object]:
    return lambda stream: stream.write(content)


def run_limited(program: str, *arguments: object, most: int = 1000) -> subprocess.CompletedProcess:
    """Run a program that may write so many bytes into a file: a disk that becomes full."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
    imports = "import sys\nfrom pathlib import Path\nfrom yolov3.errors import UserError\n"
    command = [sys.executable, "-c", imports + limit + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_there_and_back(tmp_path):
    path = tmp_path / "a.bin"
    for content in (OLD, NEW, b""):
        write_atomically(path, writer_of(content))
        assert path.read_bytes() == content
    assert files_in(tmp_path) == ["a.bin"]


def test_files_that_belong_together_are_all_the_old_or_all_the_new_ones(tmp_path):
    paths = [tmp_path / name for name in ("a.bin", "b.bin")]
    for content in (OLD, NEW):
        write_together(paths, lambda path, place, content=content: write_atomically(place, writer_of(content)))
        assert [path.read_bytes() for path in paths] == [content, content]
        assert files_in(tmp_path) == ["a.bin", "b.bin"]

    def fails(path: Path, place: Path) -> None:
        if path.name == "b.bin":
            raise UserError(f"{place}: cannot be written")
        write_atomically(place, writer_of(OLD))

    with pytest.raises(UserError, match=rf"^{re.escape(str(paths[1]))}: cannot be written$"):
        write_together(paths, fails)
    assert [path.read_bytes() for path in paths] == [NEW, NEW]
    assert files_in(tmp_path) == ["a.bin", "b.bin"]


def test_a_text_is_utf8_and_its_line_ends_stay(tmp_path):
    path = tmp_path / "ä 猫.txt"
    write_text_atomically(path, "naïve 猫\r\nb\n")
    assert path.read_bytes() == "naïve 猫\r\nb\n".encode()


def test_a_temporary_file_of_a_killed_process_is_overwritten(tmp_path):
    (tmp_path / ".a.txt.tmp").write_text("half of something, and longer than what comes now")
    write_text_atomically(tmp_path / "a.txt", "short")
    assert files_in(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "short"


def test_an_error_midway_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(OLD)

    def fail(stream) -> None:
        stream.write(NEW)
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"a\.bin: cannot be written: .*No space left"):
        write_atomically(path, fail)
    assert path.read_bytes() == OLD and files_in(tmp_path) == ["a.bin"]


def test_a_fault_of_ours_is_no_mistake_of_the_users(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(OLD)

    def fail(stream) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match") as caught:
        write_atomically(path, fail)
    assert not isinstance(caught.value, UserError)
    assert path.read_bytes() == OLD and files_in(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("most", [1000, 9000, 19_000])
@pytest.mark.parametrize(
    "write",
    [
        "def write(stream): stream.write(b'x' * 20000)",
        "import torch\ndef write(stream): torch.save({'weights': torch.zeros(5000), 1: torch.ones(1)}, stream)",
    ],
    ids=["bytes", "torch"],
)
def test_a_full_disk_leaves_the_old_file(tmp_path, write, most):
    path = tmp_path / "a.pt"
    path.write_bytes(OLD)
    program = (
        f"from yolov3.files.atomic import write_atomically\n{write}\n"
        "try: write_atomically(Path(sys.argv[1]), write)\n"
        "except UserError as error: print(error)"
    )
    done = run_limited(program, path, most=most)
    assert (done.returncode, done.stdout) == (0, f"{path}: cannot be written: File too large\n"), done.stderr
    assert path.read_bytes() == OLD and files_in(tmp_path) == ["a.pt"]


@pytest.mark.parametrize("write", [write_text_atomically, lambda path, text: write_whole(path, text.encode())])
def test_places_that_cannot_be_written_are_named(tmp_path, write):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "none" / "a", tmp_path / "file" / "a", tmp_path / "folder", Path("/proc/none/a")):
        with pytest.raises(UserError) as caught:
            write(path, "text")
        assert str(caught.value).startswith(f"{path}: cannot be written: ")
    with pytest.raises(UserError, match=r"cannot be written: .*[Nn]ame too long"):
        write(tmp_path / ("n" * 300), "text")
    assert files_in(tmp_path) == ["file", "folder"] and (tmp_path / "file").read_text() == "mine"


def test_who_reads_meanwhile_sees_the_old_or_the_new(tmp_path):
    path = tmp_path / "a.bin"
    contents = [bytes([65 + number]) * (1000 + 40_000 * number) for number in range(3)]
    path.write_bytes(contents[0])
    ended, seen = threading.Event(), set()

    def read() -> None:
        while not ended.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        write_atomically(path, writer_of(contents[number % 3]))
    ended.set()
    reader.join()
    assert seen <= set(contents) and len(seen) > 1


WRITER = """
import sys
from pathlib import Path
from yolov3.files.atomic import write_atomically

path = Path(sys.argv[1])

def fill(stream):
    for _ in range(200):
        stream.write(letter * 5000)
        stream.flush()

print("ready", flush=True)
for number in range(10**6):
    letter = bytes([65 + number % 26])
    write_atomically(path, fill)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path, chance = tmp_path / "a.bin", random.Random(0)
    found = set()
    for _ in range(10):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            deadline = time.monotonic() + 10
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert len(content) == 1_000_000 and len(set(content)) == 1
        found.add(content[:1])
        path.unlink()
    assert len(found) > 1
    assert files_in(tmp_path) in ([], [".a.bin.tmp"])


def test_one_of_many_files_is_written_whole(tmp_path):
    path = tmp_path / "a.bin"
    for content in (NEW, OLD, b""):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert files_in(tmp_path) == ["a.bin"]


def test_one_of_many_files_has_its_name_when_it_is_whole(tmp_path):
    """A process is killed while it writes files of a megabyte one after the other."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom yolov3.files.atomic import write_whole\n"
        "print('ready', flush=True)\n"
        "for number in range(100000): write_whole(Path(sys.argv[1]) / f'{number}.bin', b'x' * 1_000_000)\n"
    )
    chance = random.Random(0)
    for turn in range(5):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0.005, 0.05))
            process.kill()
        sizes = {path.stat().st_size for path in folder.iterdir() if not path.name.startswith(".")}
        assert sizes <= {1_000_000}


def test_a_name_as_long_as_can_be(tmp_path):
    for write in (write_whole, lambda path, content: write_atomically(path, writer_of(content))):
        path = tmp_path / ("n" * 251 + ".bin")
        write(path, NEW)
        assert path.read_bytes() == NEW and files_in(tmp_path) == [path.name]


def test_nothing_stays_of_one_that_became_too_large(tmp_path):
    program = (
        "from yolov3.files.atomic import write_whole\n"
        "try: write_whole(Path(sys.argv[1]), b'x' * 5000)\n"
        "except UserError as error: print(error)"
    )
    path = tmp_path / "a.bin"
    done = run_limited(program, path)
    assert (done.returncode, done.stdout) == (0, f"{path}: cannot be written: File too large\n"), done.stderr
    assert files_in(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_links_and_devices_of_the_user_stay(tmp_path):
    link = tmp_path / "full.png"
    link.symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"full\.png: cannot be written: No space left on device"):
        write_whole(link, NEW)
    assert link.is_symlink() and Path("/dev/full").exists()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a file system beside the temporary folder's")
def test_what_is_written_never_passes_through_another_file_system(monkeypatch):
    """A name cannot be moved from one to another, so no temporary file lies where such files usually do."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
        folder = Path(name)
        for content in (OLD, NEW):
            write_atomically(folder / "a.bin", writer_of(content))
            assert (folder / "a.bin").read_bytes() == content
        write_together([folder / "b", folder / "c"], lambda path, place: place.write_bytes(path.name.encode()))
        assert {each.name: each.read_bytes() for each in folder.iterdir()} == {"a.bin": NEW, "b": b"b", "c": b"c"}


@pytest.mark.parametrize("content", [b"", b"abc", os.urandom(3_000_001)], ids=["empty", "short", "long"])
def test_the_sha256_of_a_file(tmp_path, content):
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()
    done = subprocess.run(["sha256sum", path.name], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{file_sha256(path)}  a.bin\n"


def test_a_large_tensor_survives(tmp_path):
    content = {"weights": torch.arange(1_000_000), "text": "猫"}
    write_atomically(tmp_path / "a.pt", lambda stream: torch.save(content, stream))
    found = torch.load(tmp_path / "a.pt", weights_only=True)
    assert torch.equal(found["weights"], content["weights"]) and found["text"] == "猫"


@pytest.mark.parametrize("entries", [[], ["1"], ['{"a": 1}', '"é"', "[]"]])
def test_a_list_of_json_is_one_whatever_its_length(entries):
    stream = io.BytesIO()
    write_json_list(stream, iter(entries))
    assert json.loads(stream.getvalue()) == [json.loads(entry) for entry in entries]
    assert len(stream.getvalue().splitlines()) == (len(entries) + 2 if entries else 1)
