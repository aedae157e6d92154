"""What the system answers about a path of the user's is a line; every other failure stays what it is."""

from __future__ import annotations

import errno
import os
import re

import pytest

from yolov3.files.refusals import OF_DISKS, OF_PATHS, cannot, named, reason_of, refused_path


def error_of(number, path="/data/a.jpg"):
    return OSError(number, os.strerror(number), path) if path is not None else OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", sorted(OF_PATHS), ids=errno.errorcode.get)
def test_an_answer_about_a_path_names_it(number):
    assert str(refused_path(error_of(number))) == f"/data/a.jpg: {os.strerror(number)}"
    assert str(refused_path(error_of(number, b"/data/caf\xe9"))) == rf"/data/caf\xe9: {os.strerror(number)}"
    assert refused_path(error_of(number, None)) is None


@pytest.mark.parametrize("number", sorted(OF_DISKS), ids=errno.errorcode.get)
def test_a_disk_may_be_full_wherever_something_is_written(number):
    told = str(refused_path(error_of(number)))
    assert re.sub(r" \(\d+ bytes free there\)$", "", told) == f"/data/a.jpg: cannot be written: {os.strerror(number)}"
    assert str(refused_path(error_of(number, None))) == f"the output: cannot be written: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.EBADF, errno.EINVAL, errno.ENOMEM, errno.EPIPE, errno.EMFILE, errno.ECHILD])
def test_faults_of_ours_stay_what_they_are(number):
    assert refused_path(error_of(number)) is None


def test_a_file_descriptor_is_no_path():
    with pytest.raises(OSError) as caught:
        os.listdir(os.open("/dev/null", os.O_RDONLY))  # noqa: PTH208
    assert refused_path(caught.value) is None


def test_reasons_are_a_few_words():
    with pytest.raises(ValueError) as nul:
        os.stat("a\0b")  # noqa: PTH116
    with pytest.raises(UnicodeEncodeError) as letters:
        os.stat("a\ud800")  # noqa: PTH116
    assert reason_of(nul.value) == "a file name cannot contain a NUL"
    assert reason_of(letters.value) == "its name holds letters that no file name can hold"
    assert reason_of(MemoryError()) == "there is not enough memory for it"
    assert reason_of(OSError("odd")) == "odd"
    assert str(cannot("a\ud800", "be read", letters.value)).startswith(r"a\ud800: cannot be read: its name")


def test_a_path_is_cut_only_where_it_is_very_long():
    assert named("/a" * 90) == "/a" * 90
    assert len(named("/a" * 90_000)) < 300
