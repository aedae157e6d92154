"""A server that does everything wrong, and the file that it should give."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

CONTENT = bytes(range(7, 256)) * 4000  # about a megabyte that looks like nothing known
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Its address, the file that ``/good/...`` gives, what was ``asked`` of it (path and range), and further ``files``
    of ``/file/NAME``."""

    url: str
    content: bytes
    digest: str
    asked: list[str]
    files: dict[str, bytes] = field(default_factory=dict)


class FaultyServer(http.server.BaseHTTPRequestHandler):
    """Answers ``/KIND/...`` in the manner of KIND."""

    known: Server

    def do_GET(self):
        self.known.asked.append(self.path + " " + self.headers.get("Range", ""))
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

    def file(self):
        name = self.path.split("/")[2]
        self.body(self.known.files.get(name, b"not there"), status=200 if name in self.known.files else 404)

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

    def ignores_ranges(self):
        self.body(CONTENT)

    def other_range(self):
        """Says that it goes on, but from the beginning."""
        self.body(CONTENT, status=206, extra=(("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"),))

    def nothing_beyond(self):
        self.body(b"", status=416) if "Range" in self.headers else self.body(CONTENT)

    def busy_once(self):
        first = sum(line.startswith(self.path) for line in self.known.asked) == 1
        self.body(b"", status=429) if first else self.body(CONTENT)

    def hangs_up(self):
        self.close_connection = True

    def empty(self):
        self.body(b"")

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

    def redirect_to_wrong(self):
        self.body(b"", status=302, extra=(("Location", "/wrong/file"),))

    def redirect_to_file(self):
        self.body(b"", status=302, extra=(("Location", "file:///etc/passwd"),))

    def circle(self):
        self.body(b"", status=302, extra=(("Location", "/circle/file"),))

    def log_message(self, *args):
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FaultyServer) as running:
        running.daemon_threads = True
        FaultyServer.known = Server(f"http://127.0.0.1:{running.server_port}", CONTENT, DIGEST, [])
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield FaultyServer.known
        running.shutdown()
