"""The downloader against a server that does everything wrong: the right file under its name, or a clear error."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from yolov3.cli import main
from yolov3.downloads.download import download
from yolov3.downloads.manifest import KnownData, KnownWeights, RemoteFile, known_files
from yolov3.downloads.unpack import unpack
from yolov3.errors import UserError

CONTENT = bytes(range(7, 256)) * 4000  # about a megabyte that looks like nothing known
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class FaultyServer(http.server.BaseHTTPRequestHandler):
    """Answers ``/KIND/...`` in the manner of KIND."""

    asked: ClassVar[list[str]] = []

    def do_GET(self):
        type(self).asked.append(self.path + " " + self.headers.get("Range", ""))
        with contextlib.suppress(OSError):
            getattr(self, self.path.split("/")[1])()

    def body(self, data, *, status=200, length=None, kind="application/octet-stream", extra=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for key, value in extra:
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def start(self) -> int:
        return int(self.headers.get("Range", "bytes=0-")[6:-1])

    def good(self):
        start = self.start()
        if "Range" in self.headers:
            span = (("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"),)
            self.body(CONTENT[start:], status=206, extra=span)
        else:
            self.body(CONTENT)

    def cuts(self):
        """Says the whole length, sends a third more each time, then hangs up."""
        start = self.start()
        extra = (("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"),)
        part = CONTENT[start : start + len(CONTENT) // 3 + 1]
        status = 206 if start else 200
        self.body(part, status=status, length=len(CONTENT) - start, extra=extra if start else ())
        self.close_connection = True

    def cuts_without_ranges(self):
        self.body(CONTENT[:1000], length=len(CONTENT))
        self.close_connection = True

    def stalls(self):
        self.body(CONTENT[:5000], length=len(CONTENT))
        self.wfile.flush()
        time.sleep(3)

    def short(self):
        self.body(CONTENT[:-5])

    def long(self):
        self.body(CONTENT + b"more")

    def wrong(self):
        self.body(CONTENT[:-1] + b"\0")

    def page(self):
        self.body(b"<!doctype html><html>moved</html>" + b" " * len(CONTENT), kind="text/html")

    def hidden_page(self):
        self.body((b"\n<html>" + CONTENT)[: len(CONTENT)])

    def forbidden(self):
        self.body(b"no", status=403)

    def fails(self):
        self.body(b"", status=503)

    def redirect(self):
        self.body(b"", status=302, extra=(("Location", "/good/file"),))

    def redirect_to_file(self):
        self.body(b"", status=302, extra=(("Location", "file:///etc/passwd"),))

    def circle(self):
        self.body(b"", status=302, extra=(("Location", "/circle/file"),))

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FaultyServer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def fetch(folder: Path, *urls: str, size: int | None = len(CONTENT), digest: str | None = DIGEST) -> Path:
    return download(RemoteFile("file.weights", urls, size, digest), folder, timeout=1.0, pause=0.01)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["good", "cuts", "redirect"])
def test_the_right_file_arrives(server, tmp_path, kind):
    path = fetch(tmp_path / "new", f"{server}/{kind}/file")
    assert path.read_bytes() == CONTENT and leftovers(tmp_path / "new") == ["file.weights"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cuts_without_ranges", "ended after 1000 of"),
        ("stalls", "no answer in time"),
        ("short", "ended after"),
        ("long", "sends more than"),
        ("wrong", "its sha256 is"),
        ("page", "web page"),
        ("hidden_page", "web page"),
        ("forbidden", "answers 403"),
        ("fails", "answers 503"),
        ("circle", "answers 302"),
        ("redirect_to_file", "redirect"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_gets_the_name(server, tmp_path, kind, message):
    with pytest.raises(UserError, match=message) as caught:
        fetch(tmp_path, f"{server}/{kind}/file")
    assert "fetch it elsewhere and put it at" in str(caught.value)
    assert not (tmp_path / "file.weights").exists()
    assert set(leftovers(tmp_path)) <= {".file.weights.part"}


def test_without_a_network(tmp_path):
    with pytest.raises(UserError, match=r"Connection refused|cannot be reached"):
        fetch(tmp_path, "http://127.0.0.1:9/file")


def test_a_mirror_helps_and_a_partial_file_is_continued(server, tmp_path):
    FaultyServer.asked.clear()
    (tmp_path / ".file.weights.part").write_bytes(CONTENT[:123_456])
    path = fetch(tmp_path, f"{server}/forbidden/file", f"{server}/good/file")
    assert path.read_bytes() == CONTENT
    assert FaultyServer.asked[-1] == "/good/file bytes=123456-"


def test_a_partial_file_of_something_else_is_given_up(server, tmp_path):
    (tmp_path / ".file.weights.part").write_bytes(b"something else" * 1000)
    assert fetch(tmp_path, f"{server}/good/file").read_bytes() == CONTENT


def test_a_file_of_unknown_size_and_hash(server, tmp_path):
    assert fetch(tmp_path, f"{server}/good/file", size=None).read_bytes() == CONTENT


def test_what_lies_there_is_kept_or_refused_never_overwritten(server, tmp_path):
    target = tmp_path / "file.weights"
    target.write_bytes(CONTENT)
    FaultyServer.asked.clear()
    assert fetch(tmp_path, f"{server}/good/file") == target and not FaultyServer.asked
    target.write_bytes(b"mine")
    with pytest.raises(UserError, match="lies there, but it has 4 bytes"):
        fetch(tmp_path, f"{server}/good/file")
    assert target.read_bytes() == b"mine"


def test_two_downloads_at_once_do_not_mix(server, tmp_path):
    import fcntl

    with (tmp_path / ".file.weights.part.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another program is downloading"):
            fetch(tmp_path, f"{server}/good/file")


def test_only_http_is_spoken(tmp_path):
    with pytest.raises(UserError, match="only http and https"):
        fetch(tmp_path, "file:///etc/passwd")


def zip_of(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def test_archives_are_unpacked(tmp_path):
    archive = zip_of(tmp_path / "a.zip", {"val2017/1.jpg": b"x", "annotations/i.json": b"{}"})
    assert unpack(archive, tmp_path / "coco") == 2
    assert (tmp_path / "coco" / "val2017" / "1.jpg").read_bytes() == b"x"
    with tarfile.open(tmp_path / "b.tar", "w") as file:
        entry = tarfile.TarInfo("VOCdevkit/VOC2007/x.txt")
        entry.size = 3
        file.addfile(entry, io.BytesIO(b"abc"))
    assert unpack(tmp_path / "b.tar", tmp_path / "voc") == 1
    assert (tmp_path / "voc" / "VOCdevkit" / "VOC2007" / "x.txt").read_bytes() == b"abc"


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt", "C:\\out.txt"])
def test_archives_that_reach_outside_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="outside"):
        unpack(zip_of(tmp_path / "a.zip", {"fine.txt": b"1", name: b"2"}), tmp_path / "in" / "deep")
    with tarfile.open(tmp_path / "b.tar", "w") as file:
        file.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(UserError, match="outside"):
        unpack(tmp_path / "b.tar", tmp_path / "in" / "deep")
    assert not list(tmp_path.rglob("out.txt"))


def test_bombs_and_damaged_archives_are_refused(tmp_path):
    with pytest.raises(UserError, match="not unpacked"):
        unpack(zip_of(tmp_path / "bomb.zip", {"zeros": bytes(50_000_000)}), tmp_path)
    whole = zip_of(tmp_path / "a.zip", {"a": np.random.default_rng(0).bytes(1000)}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:60])
    with pytest.raises(UserError, match="neither a zip nor a tar"):
        unpack(tmp_path / "cut.zip", tmp_path)
    broken = bytearray(whole)
    broken[500] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(broken)
    with pytest.raises(UserError, match="damaged"):
        unpack(tmp_path / "bad.zip", tmp_path)


def test_the_manifest_is_sound():
    entries = known_files()
    assert {"yolov3", "yolov3-tiny", "yolov3-spp", "darknet53", "coco2017", "voc2007", "voc2012"} == set(entries)
    for entry in entries.values():
        assert entry.licence and entry.what
        files = entry.archives if isinstance(entry, KnownData) else (entry.file,)
        for file in files:
            assert file.urls and all(url.startswith("http") for url in file.urls)
            assert file.size or file.digest
        if isinstance(entry, KnownWeights) and entry.names:
            assert len(entry.names) == 80


def test_the_command(tmp_path, capsys, monkeypatch):
    assert main(["download"]) == 0
    assert "yolov3-tiny" in capsys.readouterr().out
    assert main(["download", "yolov3", "yolov9"]) == 2
    assert "nothing known is called 'yolov9'" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jpg").write_bytes(b"")
    assert main(["detect", "--weights", "yolov3-tiny", "--source", "x.jpg"]) == 2
    assert "fetch it with: yolov3 download yolov3-tiny" in capsys.readouterr().err
