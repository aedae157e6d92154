"""What a file is that is not what it should be: told of real files of each kind."""

from __future__ import annotations

import gzip
import pickle
import random
import zipfile

import cv2
import numpy as np
import pytest
import torch

from yolov3.files.kinds import ARCHIVE, WEB_PAGE, kind_of_file, kind_of_path

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def write_zip(path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")


def write_image(path, suffix: str) -> None:
    done, encoded = cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))
    assert done
    path.write_bytes(encoded.tobytes())


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("<!DOCTYPE html><html><body>Not found</body></html>"), WEB_PAGE),
        (lambda path: path.write_text("\n\n  <html>"), WEB_PAGE),
        (lambda path: path.write_text(POINTER), "a Git LFS pointer: the file itself was not fetched"),
        (write_zip, ARCHIVE),
        (lambda path: torch.save({"a": torch.zeros(2)}, path), ARCHIVE),
        (lambda path: path.write_bytes(gzip.compress(b"text")), "it looks like a gzip archive"),
        (lambda path: path.write_bytes(pickle.dumps([1], protocol=2)), "it looks like a pickle"),
        (lambda path: path.write_bytes(pickle.dumps([1], protocol=4)), "it looks like a pickle"),
        (lambda path: write_image(path, ".png"), "it looks like an image"),
        (lambda path: write_image(path, ".jpg"), "it looks like an image"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 20), "it looks like an HDF5 file"),
        (lambda path: path.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"), "it looks like a PDF"),
        (lambda path: path.write_text("[net]\nbatch=1\n"), "it looks like a .cfg"),
        (lambda path: path.write_text("Not what you asked for.\n" * 100), "it looks like text"),
        (lambda path: path.write_bytes(b"\0\1\2"), "it is far too short"),
        (lambda path: path.write_bytes(b"\0\0\0\2" * 100), None),
        (lambda path: path.write_bytes(np.arange(100, dtype="<f4").tobytes()), None),
    ],
)
def test_files_of_every_kind(tmp_path, write, kind):
    path = tmp_path / "a.weights"
    write(path)
    assert kind_of_path(path) == kind


@pytest.mark.shared
def test_real_weights_are_of_no_known_kind(shared):
    assert kind_of_path(shared / "darknet" / "official" / "yolov3-tiny.weights") is None
    assert kind_of_path(shared / "darknet" / "official" / "yolov3-tiny.cfg") == "it looks like a .cfg"


def test_a_cut_file_is_still_told_by_what_is_there():
    assert kind_of_file(b"PK") == ARCHIVE
    assert kind_of_file(b"\x89PN") == "it looks like an image"


def test_any_bytes_have_a_kind_or_none():
    chance = random.Random(0)
    for _ in range(2000):
        kind = kind_of_file(chance.randbytes(chance.randrange(70)))
        assert kind is None or kind.startswith(("the file is empty", "it ", "a Git LFS"))


def test_only_the_beginning_of_a_huge_file_is_read(tmp_path):
    path = tmp_path / "huge.bin"
    with path.open("wb") as stream:
        stream.write(b"\0\1\2\3" * 16)
        stream.truncate(1 << 40)  # a terabyte, as a hole
    assert kind_of_path(path) is None
