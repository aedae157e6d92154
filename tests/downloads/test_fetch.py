"""Known weights and data sets, from a real server to their place."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from yolov3.downloads.fetch import fetch
from yolov3.downloads.manifest import KnownData, KnownWeights, RemoteFile
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.watching.watcher import Watcher


class Listener(Watcher):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def report(self, line: str) -> None:
        self.lines.append(line)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zip_of(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in entries.items():
            file.writestr(f"{name}/1.txt", data)
    return stream.getvalue()


def tar_of(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for name, data in entries.items():
            entry = tarfile.TarInfo(f"{name}/1.txt")
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture
def remote(server):
    """Puts a file on the server and tells how it is fetched."""

    def put(name: str, data: bytes, *, digest: bool = True) -> RemoteFile:
        server.files[name] = data
        return RemoteFile(name, (f"{server.url}/file/{name}",), len(data), f"sha256:{sha256(data)}" if digest else None)

    return put


def weights(file: RemoteFile, names: tuple[str, ...] = ()) -> KnownWeights:
    return KnownWeights("net", "a network", file, names, "AP50 12.3", "public domain")


def data_set(*archives: RemoteFile, folder: str = "cells") -> KnownData:
    return KnownData("cells", "blood cells", archives, folder, "MIT")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_weights_come_with_their_names_and_all_is_told(remote, tmp_path):
    listener = Listener()
    entry = weights(remote("net.weights", bytes(range(256)) * 10), ("cat", "dog"))
    path = fetch(entry, tmp_path / "new", watcher=listener)
    assert path == tmp_path / "new" / "net.weights"
    assert path.read_bytes() == bytes(range(256)) * 10
    assert read_names(tmp_path / "new" / "net.names") == ("cat", "dog")
    assert listener.lines == [f"{path}: a network", "published: AP50 12.3", "licence: public domain"]


def test_a_backbone_has_no_names_and_a_file_without_a_published_hash_tells_its_own(remote, tmp_path):
    listener = Listener()
    data = bytes(range(255, 0, -1)) * 10
    path = fetch(weights(remote("net.conv.74", data, digest=False)), tmp_path, watcher=listener)
    assert set(files_in(tmp_path)) == {"net.conv.74"}
    assert listener.lines[0] == (f"{path}: a network (no published hash to compare with; its sha256 is {sha256(data)})")


def test_without_a_folder_they_go_to_weights_and_data(remote, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fetch(weights(remote("net.weights", bytes(range(256))))) == Path("weights/net.weights")
    assert fetch(data_set(remote("a.zip", zip_of(images=b"x")))) == Path("data/cells")
    assert set(files_in(tmp_path)) == {"weights/net.weights", "data/cells/images/1.txt"}


@pytest.mark.parametrize("keep", [False, True])
def test_a_data_set_is_unpacked_from_all_its_archives(remote, tmp_path, keep):
    listener = Listener()
    entry = data_set(remote("a.zip", zip_of(train=b"1", val=b"2")), remote("b.tar", tar_of(annotations=b"3")))
    place = fetch(entry, tmp_path, keep_archives=keep, watcher=listener)
    assert place == tmp_path / "cells"
    assert files_in(place) == {"train/1.txt": b"1", "val/1.txt": b"2", "annotations/1.txt": b"3"}
    assert sorted(path.name for path in tmp_path.iterdir()) == (["a.zip", "b.tar", "cells"] if keep else ["cells"])
    assert listener.lines == [
        f"{tmp_path / 'a.zip'}: 2 files unpacked into {place}",
        f"{tmp_path / 'b.tar'}: 1 files unpacked into {place}",
        "licence: MIT",
    ]


def test_a_data_set_whose_archives_bring_their_own_folder(remote, tmp_path):
    entry = data_set(remote("a.tar", tar_of(VOCdevkit=b"x")), folder=".")
    assert fetch(entry, tmp_path) == tmp_path / "."
    assert files_in(tmp_path) == {"VOCdevkit/1.txt": b"x"}


def test_weights_that_lie_there_are_not_fetched_again(server, remote, tmp_path):
    entry = weights(remote("net.weights", bytes(range(256))), ("a",))
    fetch(entry, tmp_path)
    (tmp_path / "net.names").unlink()
    asked = len(server.asked)
    fetch(entry, tmp_path)
    assert len(server.asked) == asked
    assert read_names(tmp_path / "net.names") == ("a",)


def test_an_archive_that_is_damaged_is_kept_and_named(remote, tmp_path):
    entry = data_set(remote("a.zip", bytes(range(256))))
    with pytest.raises(UserError, match=r"a\.zip: neither a zip nor a tar archive"):
        fetch(entry, tmp_path)
    assert set(files_in(tmp_path)) == {"a.zip"}


def test_what_the_server_does_not_have_leaves_nothing(server, tmp_path):
    entry = weights(RemoteFile("net.weights", (f"{server.url}/file/net.weights",), 10, None), ("a",))
    with pytest.raises(UserError, match=r"net\.weights could not be downloaded .*answers 404"):
        fetch(entry, tmp_path)
    assert files_in(tmp_path) == {}
