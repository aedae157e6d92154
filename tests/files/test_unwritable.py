"""What is said of a file that could not be written."""

from __future__ import annotations

import errno
import os

from yolov3.errors import UserError
from yolov3.files.unwritable import free_bytes, unwritable


def test_the_path_the_reason_and_the_room_are_told(tmp_path):
    path = tmp_path / "not" / "there" / "a.bin"
    full = unwritable(path, OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(full, UserError)
    start, _, end = str(full).partition(" (")
    assert start == f"{path}: cannot be written: No space left on device"
    assert end.removesuffix(" bytes free there)").isdigit()
    for number in (errno.EFBIG, errno.EACCES, errno.ENOTDIR):  # the room has nothing to do with these
        assert str(unwritable(path, OSError(number, os.strerror(number)))).endswith(os.strerror(number))
    assert str(unwritable(path, RuntimeError("why"))) == f"{path}: cannot be written: why"
    assert str(unwritable(path, MemoryError())) == f"{path}: cannot be written: MemoryError"


def test_free_bytes_are_those_of_the_first_folder_that_is_there(tmp_path):
    free = free_bytes(tmp_path)
    assert free is not None and free > 0
    assert free_bytes(tmp_path / "a" / "b") is not None
