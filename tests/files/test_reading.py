"""Only plain files are opened, nothing is waited for, and whatever is wrong with a path is told in a line."""

from __future__ import annotations

import os
import socket
import time

import pytest

from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.kinds import kind_of_path
from yolov3.files.reading import is_file, is_folder, is_there, kind_at, open_file, read_bytes, read_text, require_file
from yolov3.files.strict_yaml import read_yaml
from yolov3.files.text import read_lines

READERS = {
    "bytes": lambda path: read_bytes(path, most=1000, what="x"),
    "text": lambda path: read_text(path, most=1000, what="x"),
    "file": require_file,
    "lines": read_lines,
    "names": read_names,
    "yaml": read_yaml,
    "kind": kind_of_path,
}


@pytest.fixture(params=["pipe", "socket", "/dev/zero", "link to /dev/zero", "folder"])
def no_file(request, tmp_path):
    """Something that can be named like a file, and what it is called."""
    path = tmp_path / "a.txt"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path, "a pipe"
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as own:
            own.bind(str(path))
            yield path, "a socket"
    elif request.param == "folder":
        path.mkdir()
        yield path, "a folder"
    else:
        path.symlink_to("/dev/zero")
        yield (path if "link" in request.param else type(path)("/dev/zero")), "a device"


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(no_file, reader):
    path, kind = no_file
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        READERS[reader](path)
    assert str(caught.value) == f"{path}: cannot be read: {kind}, not a file"
    assert time.monotonic() - start < 2


def bad_paths(folder):
    """Paths that nobody can have, and what is said of each."""
    (folder / "round").symlink_to(folder / "round")
    (folder / "plain").write_text("x")
    return {
        "too long a name": (folder / ("n" * 300), "File name too long"),
        "too long a path": (folder / ("d/" * 3000), "File name too long"),
        "NUL": (folder / "a\0b", "a file name cannot contain a NUL"),
        "no letters": (folder / "a\ud800", "its name holds letters that no file name can hold"),
        "round": (folder / "round", "Too many levels of symbolic links"),
        "below a file": (folder / "plain" / "x", "Not a directory"),
        "nowhere": (folder / "none", "No such file or directory"),
    }


@pytest.mark.parametrize("reader", READERS)
def test_paths_that_nobody_can_have_are_told(tmp_path, reader):
    for path, reason in bad_paths(tmp_path).values():
        with pytest.raises(UserError) as caught:
            READERS[reader](path)
        message = str(caught.value)
        assert message.endswith(f": cannot be read: {reason}")
        assert message.isprintable() and len(message) < 400
        message.encode()


def test_what_lies_at_a_path_is_told_or_why_not(tmp_path):
    assert kind_at(tmp_path) == "folder" and is_folder(tmp_path) and is_there(tmp_path) and not is_file(tmp_path)
    for name, (path, reason) in bad_paths(tmp_path).items():
        if name in ("below a file", "nowhere"):
            assert kind_at(path) is None and not is_there(path)
        else:
            with pytest.raises(UserError, match=f"cannot be opened: {reason}$"):
                kind_at(path)
    assert is_file(tmp_path / "plain") and kind_at("/dev/null") == "other"


def test_a_name_that_is_no_utf8_is_read_and_shown(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("one")
    assert read_lines(path) == ["one"]
    path.write_bytes(b"\xff")
    with pytest.raises(UserError) as caught:
        read_lines(path)
    assert (
        str(caught.value).encode()
        == str(tmp_path).encode() + rb"/caf\xe9.txt: not readable as a list: not a text in UTF-8"
    )


def test_a_size_is_kept_even_where_the_system_says_none(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bytes(path, most=5, what="x") == b"12345"
    with pytest.raises(UserError, match="a: larger than 4 bytes: not a list"):
        read_bytes(path, most=4, what="a list")
    with pytest.raises(UserError, match=r"/proc/self/maps: larger than 100 bytes"):  # which is said to have none
        read_bytes("/proc/self/maps", most=100, what="a list")


def test_the_readers_own_mistakes_are_not_hidden(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueError, match="mine") as caught, open_file(tmp_path / "a"):
        raise ValueError("mine")
    assert not isinstance(caught.value, UserError)


def test_no_permission_is_told(unprivileged):
    closed = unprivileged.folder / "closed"
    closed.mkdir()
    (closed / "a.txt").write_text("x")
    (unprivileged.folder / "b.txt").write_text("x")
    (unprivileged.folder / "b.txt").chmod(0)
    closed.chmod(0)
    code = """
import sys
from pathlib import Path
from yolov3.errors import UserError
from yolov3.files.reading import kind_at, read_bytes
for ask, path in ((kind_at, "closed/a.txt"), (lambda path: read_bytes(path, most=9, what=""), "b.txt")):
    try:
        print(ask(path))
    except UserError as error:
        print(error)
"""
    done = unprivileged.run("-c", code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "closed/a.txt: cannot be opened: Permission denied",
        "b.txt: cannot be read: Permission denied",
    ]
