"""Small text files, line by line, and what is none."""

from __future__ import annotations

import os

import pytest

from yolov3.errors import UserError
from yolov3.files.text import LARGEST_FILE, read_lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", [""]),
        (b"one", ["one"]),
        (b"one\ntwo\n", ["one", "two", ""]),
        (b"one\r\ntwo\r\n", ["one", "two", ""]),
        ("\ufeffnaïve 猫\n".encode(), ["naïve 猫", ""]),
        ("next\x85line and\u2028separator\n".encode(), ["next\x85line and\u2028separator", ""]),
        (b"a\x0bb\x0cc\n\n\nd", ["a\x0bb\x0cc", "", "", "d"]),
    ],
    ids=["empty", "no end", "unix", "windows", "byte order mark", "other separators", "control characters"],
)
def test_lines_are_what_newlines_divide(tmp_path, content, lines):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert read_lines(path) == lines


def test_a_million_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["abc"] * 1_000_000))
    assert path.stat().st_size <= LARGEST_FILE
    assert read_lines(path) == ["abc"] * 1_000_000


def test_what_is_no_small_text_is_refused_by_name(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfeU\0T\0F\0")
    with pytest.raises(UserError, match=r"a\.txt: not readable as a list: not a text in UTF-8"):
        read_lines(path)
    path.write_bytes(b"x" * (LARGEST_FILE + 1))
    with pytest.raises(UserError, match=r"a\.txt: larger than 4000000 bytes: not a list"):
        read_lines(path)
    with pytest.raises(UserError, match=r"none\.txt: cannot be read: No such file or directory"):
        read_lines(tmp_path / "none.txt")
    with pytest.raises(UserError, match="cannot be read: a folder, not a file"):
        read_lines(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("secret")
    path.chmod(0)
    with pytest.raises(UserError, match=r"a\.txt: cannot be read: Permission denied"):
        read_lines(path)
