"""Images from the network: what a real server on this machine answers, well or badly, and what is told of its address."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from yolov3.errors import UserError
from yolov3.sources import image_address
from yolov3.sources.image_address import fetch_image, is_address, without_login


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/photo"):
            self._answer(200, "image/jpeg", b"photo" * 100)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/photo")
            self.end_headers()
        elif self.path == "/page":
            self._answer(200, "text/html; charset=utf-8", b"<html>")
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                threading.Event().wait(0.02)
        else:
            self._answer(404, "text/plain", b"")

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked has heard enough
            super().handle()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("place", ["/photo.jpg", "/photo?size=large", "/moved"])
def test_the_bytes_that_a_server_sends(server: str, place: str) -> None:
    assert fetch_image(server + place) == b"photo" * 100


@pytest.mark.parametrize(("place", "told"), [("/none", "answers 404 Not Found"), ("/page", "answers with a web page")])
def test_what_is_no_image(server: str, place: str, told: str) -> None:
    with pytest.raises(UserError, match=f"^{server}{place}: {told}"):
        fetch_image(server + place)


def test_a_server_that_sends_too_much_or_too_slowly(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_address, "LARGEST_IMAGE", 100)
    with pytest.raises(UserError, match="more than 100 bytes, the most that are fetched"):
        fetch_image(f"{server}/photo")
    monkeypatch.setattr(image_address, "LONGEST_SECONDS", 0.1)
    with pytest.raises(UserError, match="cannot be fetched: no answer in time"):
        fetch_image(f"{server}/slow")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.jpg?token=secret", "http://127.0.0.1:port/a.jpg"])
def test_a_server_that_is_not_there(server: str, address: str) -> None:
    with pytest.raises(UserError, match=r"/a\.jpg: cannot be fetched: ") as told:
        fetch_image(address)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://user:secret@127.0.0.1/a.jpg", "http://127.0.0.1/a.jpg: an address with a user and a password"),
        ("http://user:se/cret@127.0.0.1/a.jpg", "http://127.0.0.1/a.jpg: an address with a user and a password"),
        ("rtsp://user:secret@camera/live", "rtsp://camera/live: .* found rtsp"),
        ("file:///etc/passwd", "file:///etc/passwd: .* found file"),
    ],
)
def test_what_is_not_fetched(address: str, told: str) -> None:
    with pytest.raises(UserError, match=f"^{told}") as error:
        fetch_image(address)
    assert "cret" not in str(error.value)


def test_what_is_an_address() -> None:
    assert is_address("https://a/b.jpg") and is_address("RTSP://a") and not is_address("a/b.jpg")
    assert not is_address("C:\\a.jpg") and not is_address("//a/b")
    assert without_login("http://a/b.jpg?key=1") == "http://a/b.jpg"
