"""``yolov3 download`` lists what is known and fetches it, from a server of our own."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import threading
import zipfile
from pathlib import Path

import pytest

from yolov3.cli import main
from yolov3.downloads import manifest
from yolov3.downloads.manifest import KnownData, KnownWeights, RemoteFile, known_files

CONTENT = bytes(range(7, 256)) * 40  # that looks like nothing known
NAMES = ("cat", "dog")


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def served(tmp_path):
    """A folder, and the address under which it can be fetched from."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def known(served, tmp_path, monkeypatch) -> Path:
    """The known files are weights and a data set of that server; the current folder is a new one, which is returned."""
    folder, address = served
    (folder / "small.weights").write_bytes(CONTENT)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("images/1.jpg", b"one")
        archive.writestr("images/2.jpg", b"two")
    (folder / "images.zip").write_bytes(packed.getvalue())

    def remote(name: str) -> RemoteFile:
        data = (folder / name).read_bytes()
        return RemoteFile(name, (f"{address}/{name}",), len(data), "sha256:" + hashlib.sha256(data).hexdigest())

    weights = KnownWeights("small", "a small model", remote("small.weights"), NAMES, "AP 0.1", "public domain")
    data = KnownData("pictures", "two images", (remote("images.zip"),), "two", "CC0")
    monkeypatch.setattr(manifest, "known_files", lambda: {"small": weights, "pictures": data})
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def test_without_a_name_it_lists_what_there_is(capsys):
    assert main(["download"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(known_files())
    assert "yolov3-tiny  YOLOv3-tiny, 80 classes of COCO" in lines


def test_weights_go_into_their_folder_with_their_names(known, capsys):
    assert main(["download", "small"]) == 0
    assert (known / "weights" / "small.weights").read_bytes() == CONTENT
    assert (known / "weights" / "small.names").read_text().split() == list(NAMES)
    out, err = capsys.readouterr()
    assert "weights/small.weights: a small model" in out and "published: AP 0.1" in out and err == ""
    assert "licence: public domain" in out
    assert main(["download", "small"]) == 0  # what is there is right and stays


@pytest.mark.parametrize("keep", [False, True])
def test_a_data_set_is_unpacked_where_it_is_asked_for(known, keep, capsys):
    words = ["download", "pictures", "--output", "there", *(["--keep-archives"] if keep else [])]
    assert main(words) == 0
    assert (known / "there" / "two" / "images" / "2.jpg").read_bytes() == b"two"
    assert (known / "there" / "images.zip").exists() is keep
    assert "2 files unpacked into there/two" in capsys.readouterr().out


def test_several_are_fetched_in_turn(known):
    assert main(["download", "small", "pictures"]) == 0
    assert (known / "weights" / "small.weights").exists() and (known / "data" / "two" / "images" / "1.jpg").exists()


def test_all_names_are_known_before_anything_is_fetched(known, capsys):
    assert main(["download", "small", "yolov9"]) == 2
    assert capsys.readouterr().err == ("yolov3: error: nothing known is called 'yolov9'; known are small, pictures\n")
    assert not list(known.iterdir())


def test_a_file_that_the_server_lacks_is_told_with_what_to_do(known, served, capsys):
    (served[0] / "small.weights").unlink()
    assert main(["download", "small"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("yolov3: error: small.weights could not be downloaded (http://127.0.0.1:")
    assert "answers 404" in err and err.endswith("fetch it elsewhere and put it at weights/small.weights\n")


def test_weights_that_are_not_there_yet_are_told_by_the_command_that_fetches_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--weights", "yolov3-tiny"]) == 2
    assert "fetch it with: yolov3 download yolov3-tiny" in capsys.readouterr().err
