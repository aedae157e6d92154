"""What all tests share: where the reference data lies, quiet libraries, one thread per test process, a little web server."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (SHARED / "reference").is_dir():
        return
    skip = pytest.mark.skip(reason="the reference data does not lie beside the project")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the reference data (real images, real Darknet models, answers of the C programs)."""
    return SHARED


@dataclass
class Page:
    """An answer: its body, or ``frames`` times the body as a network camera sends images. ``pause``: seconds before each
    part of it; ``length``: what it says to have."""

    kind: str
    body: bytes = b""
    status: int = 200
    frames: int = 0
    pause: float = 0.0
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """A server of pages by their path. With a ``login`` (user:password) it answers only those who know it; ``asked`` are
    the paths it was asked for, ``logins`` what came as a login."""

    pages: dict[str, Page] = field(default_factory=dict)
    login: str | None = None
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    def address(self, path: str, login: str = "") -> str:
        """The address of a page; ``login`` stands in it as given."""
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{path}"


def _handler_of(web: Web) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].lstrip("/")
            web.asked.append(path)
            given = str(self.headers.get("Authorization", "")).partition(" ")[2]
            given = base64.b64decode(given).decode() if given else ""
            web.logins += [given] if given else []
            page = web.pages.get(path, Page("text/plain", b"not here", 404))
            if web.login is not None and given != web.login:
                page = Page("text/plain", b"who are you?", 401, headers={"WWW-Authenticate": 'Basic realm="camera"'})
            with contextlib.suppress(OSError):  # whoever asked may have gone
                self.answer(page)

        def answer(self, page: Page) -> None:
            self.send_response(page.status)
            if page.kind:
                self.send_header("Content-Type", page.kind)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if not page.frames:
                self.send_header("Content-Length", str(len(page.body) if page.length is None else page.length))
            self.end_headers()
            for _ in range(page.frames):
                time.sleep(page.pause)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(page.body)}\r\n\r\n"
                self.wfile.write(head.encode() + page.body + b"\r\n")
            if not page.frames:
                half = len(page.body) // 2
                for part in (page.body[:half], page.body[half:]):
                    time.sleep(page.pause)
                    self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A real server on this machine; a test puts its pages."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    served = Web()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(served)) as server:
        server.daemon_threads = True
        served.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield served
        server.shutdown()


@pytest.fixture(scope="session")
def page() -> type[Page]:
    """Makes pages for the server."""
    return Page
