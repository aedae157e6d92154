"""The downloader against a server that does everything wrong: the right file under its name, or a clear error."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from yolov3.downloads import download as module
from yolov3.downloads.download import Patience, download
from yolov3.downloads.manifest import RemoteFile
from yolov3.errors import UserError
from yolov3.watching.watcher import Watcher

PATIENT, IMPATIENT = Patience(timeout=20, pause=0.01), Patience(timeout=0.4, pause=0.01)


class Listener(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int | None, str | None]] = []

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.told.append((done, total, text))


@pytest.fixture
def fetch(server):
    """Downloads the server's file by the answers of these kinds."""

    def fetched(folder: Path, *kinds: str, **changes) -> Path:
        file = {"size": len(server.content), "digest": server.digest} | changes
        watcher = file.pop("watcher", None)
        urls = tuple(kind if "://" in kind else f"{server.url}/{kind}/file" for kind in kinds)
        patience = IMPATIENT if "stalls" in kinds else PATIENT
        return download(RemoteFile("file.weights", urls, **file), folder, watcher=watcher, patience=patience)

    return fetched


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["good", "cuts", "redirect", "busy_once", "ignores_ranges"])
def test_the_right_file_arrives(server, fetch, tmp_path, kind):
    path = fetch(tmp_path / "new", kind)
    assert path.read_bytes() == server.content and leftovers(tmp_path / "new") == ["file.weights"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cuts_without_ranges", "ended after 1000 of"),
        ("stalls", "no answer in time"),
        ("short", "ended after"),
        ("long", "sends more than"),
        ("wrong", "its sha256 is"),
        ("redirect_to_wrong", "its sha256 is"),
        ("page", "web page"),
        ("hidden_page", "web page"),
        ("forbidden", "answers 403"),
        ("fails", "answers 503"),
        ("circle", "answers 302"),
        ("redirect_to_file", "redirect"),
        ("hangs_up", "closed|reset|disconnected"),
        ("empty", "ended after 0 of"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_gets_the_name(server, fetch, tmp_path, kind, message):
    with pytest.raises(UserError, match=message) as caught:
        fetch(tmp_path, kind)
    assert f"{server.url}/{kind}/file: " in str(caught.value)
    assert str(caught.value).endswith(
        f"Without a network: fetch it elsewhere and put it at {tmp_path / 'file.weights'}"
    )
    assert not (tmp_path / "file.weights").exists()
    assert set(leftovers(tmp_path)) <= {".file.weights.part"}


@pytest.mark.parametrize(("kind", "times"), [("forbidden", 1), ("page", 1), ("long", 1), ("fails", 3), ("wrong", 3)])
def test_what_may_pass_is_tried_again_and_what_will_not_is_not(server, fetch, tmp_path, kind, times):
    with pytest.raises(UserError):
        fetch(tmp_path, kind)
    assert len(server.asked) == times


def test_every_address_is_tried_and_each_complaint_told(fetch, tmp_path):
    with pytest.raises(UserError) as caught:
        fetch(tmp_path, "forbidden", "page", "empty")
    for words in ("answers 403", "web page", "ended after 0"):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_network(fetch, tmp_path):
    with pytest.raises(UserError, match=r"Connection refused|cannot be reached"):
        fetch(tmp_path, "http://127.0.0.1:9/file")


def test_a_mirror_helps_and_a_partial_file_is_continued(server, fetch, tmp_path):
    (tmp_path / ".file.weights.part").write_bytes(server.content[:123_456])
    path = fetch(tmp_path, "forbidden", "good")
    assert path.read_bytes() == server.content
    assert server.asked[-1] == "/good/file bytes=123456-"


def test_what_one_address_began_the_next_goes_on_with(server, fetch, tmp_path):
    assert fetch(tmp_path, "cuts_without_ranges", "good").read_bytes() == server.content
    assert server.asked[-1] == "/good/file bytes=1000-"


@pytest.mark.parametrize("kind", ["ignores_ranges", "other_range", "nothing_beyond"])
def test_a_server_that_cannot_go_on_begins_anew(server, fetch, tmp_path, kind):
    (tmp_path / ".file.weights.part").write_bytes(server.content[:1000])
    assert fetch(tmp_path, kind).read_bytes() == server.content


def test_a_whole_partial_file_is_not_fetched_again(server, fetch, tmp_path):
    (tmp_path / ".file.weights.part").write_bytes(server.content)
    assert fetch(tmp_path, "good").read_bytes() == server.content
    assert server.asked == []


@pytest.mark.parametrize("part", [b"something else" * 1000, b"x" * 2_000_000])
def test_a_partial_file_of_something_else_is_given_up(server, fetch, tmp_path, part):
    (tmp_path / ".file.weights.part").write_bytes(part)
    assert fetch(tmp_path, "good").read_bytes() == server.content


def test_a_file_of_unknown_size_or_hash(server, fetch, tmp_path):
    assert fetch(tmp_path / "a", "good", size=None).read_bytes() == server.content
    assert fetch(tmp_path / "b", "good", digest=None).read_bytes() == server.content
    assert fetch(tmp_path / "c", "good", size=None, digest=None).read_bytes() == server.content
    with pytest.raises(UserError, match="it is empty"):
        fetch(tmp_path / "d", "empty", size=None, digest=None)


def test_a_file_of_unknown_size_has_an_end(fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_UNKNOWN", 1000)
    monkeypatch.setattr(module, "CHUNK", 300)
    with pytest.raises(UserError, match="sends more than the 1000 bytes"):
        fetch(tmp_path, "good", size=None)
    assert (tmp_path / ".file.weights.part").stat().st_size == 0


def test_hashes_of_other_kinds_are_compared_too(server, fetch, tmp_path):
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    assert fetch(tmp_path / "a", "good", digest=f"md5:{md5}").read_bytes() == server.content
    with pytest.raises(UserError, match=rf"its md5 is {md5} and should be 0000"):
        fetch(tmp_path / "b", "good", digest="md5:0000")


def test_what_lies_there_is_kept_or_refused_never_overwritten(server, fetch, tmp_path):
    target = tmp_path / "file.weights"
    target.write_bytes(server.content)
    assert fetch(tmp_path, "good") == target and not server.asked
    target.write_bytes(b"mine")
    with pytest.raises(UserError, match=r"lies there, but it has 4 bytes and should have \d+; move it away"):
        fetch(tmp_path, "good")
    assert target.read_bytes() == b"mine"


def test_the_watcher_is_told_every_byte(server, fetch, tmp_path):
    listener = Listener()
    (tmp_path / ".file.weights.part").write_bytes(server.content[:1000])
    fetch(tmp_path, "good", watcher=listener)
    done = [bytes_done for bytes_done, _, _ in listener.told]
    assert done == sorted(done) and done[0] > 1000 and done[-1] == len(server.content)
    assert {told[1:] for told in listener.told} == {(len(server.content), "file.weights")}


def test_two_downloads_at_once_do_not_mix(server, fetch, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / ".file.weights.part.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"\.file\.weights\.part: another program is downloading this file"):
            fetch(tmp_path, "good")
        assert server.asked == []
    assert fetch(tmp_path, "good").read_bytes() == server.content


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_only_http_is_spoken(fetch, tmp_path, url):
    with pytest.raises(UserError, match="only http and https"):
        fetch(tmp_path, url)


def test_a_folder_that_cannot_be_is_named(fetch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file(/deep)?: cannot be written: (Not a directory|File exists)"):
        fetch(tmp_path / "file" / "deep", "good")
