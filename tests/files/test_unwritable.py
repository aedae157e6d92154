"""What is said of a file that could not be written."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest

from yolov3.errors import UserError
from yolov3.files.atomic import write_whole
from yolov3.files.run_folder import make_run_folder
from yolov3.files.unwritable import LEAST_ROOM, free_bytes, require_room, unwritable


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


def test_room_is_asked_for_before_it_is_needed(tmp_path):
    require_room(tmp_path)
    needed = 1 << 60
    with pytest.raises(UserError, match=rf"^{tmp_path}: \d+ bytes are free there, and at least {needed} are needed$"):
        require_room(tmp_path, needed)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may make a small disk")
def test_a_small_disk_is_seen(tmp_path):
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True
    ).returncode:
        pytest.skip("no small disk can be made here")
    try:
        with pytest.raises(UserError, match=f"at least {LEAST_ROOM} are needed"):
            make_run_folder(tmp_path, "run")
        with pytest.raises(
            UserError, match=r"a\.bin: cannot be written: No space left on device \(\d+ bytes free there\)"
        ):
            write_whole(tmp_path / "a.bin", bytes(1 << 20))
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
