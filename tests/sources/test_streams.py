"""Live streams: from a real server, which breaks off, comes back, or ends."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from yolov3.sources import streams
from yolov3.sources.frames import SourceError
from yolov3.sources.stream_options import StreamOptions
from yolov3.sources.streams import LiveStream


class Camera(http.server.BaseHTTPRequestHandler):
    """A network camera: one answer of so many images to each connection, as long as it answers."""

    connections = 0
    lengths: tuple[int, ...] = (1000,)

    def do_GET(self) -> None:
        kind = type(self)
        kind.connections += 1
        if kind.connections > len(kind.lengths):
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(kind.lengths[kind.connections - 1]):
                grey = np.full((48, 64, 3), (10 * number) % 250, np.uint8)
                data = cv2.imencode(".jpg", grey)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.01)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def served(handler: Any) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_frames_come_as_they_are_sent_with_their_seconds():
    handler = type("Handler", (Camera,), {})
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        frames = [frame for frame, _ in zip(source, range(15))]
        assert source.live and source.length is None and source.rate > 0 and source.broken == 0
    assert [frame.index for frame in frames] == list(range(15))
    assert [round(frame.image.mean() / 10) for frame in frames] == list(range(15))
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds) and seconds[0] >= 0 and seconds[-1] < 60
    assert {frame.source for frame in frames} == {f"{address}/video"}


def test_a_broken_connection_is_made_again_and_counted(monkeypatch):
    monkeypatch.setattr(streams, "RECONNECT_PAUSES", (0.05,))
    handler = type("Handler", (Camera,), {"lengths": (12, 15, 1000)})
    told = []
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        source.tell = told.append
        frames = [frame for frame, _ in zip(source, range(40))]
    assert [frame.index for frame in frames] == list(range(40))
    assert source.broken == 2 and handler.connections == 3 and not source.lost
    assert [note.warning for note in told] == [True, False, True, False]
    assert told[0].line == f"{address}/video: the connection broke; it is tried again for 10 min"
    assert told[1].line.startswith(f"{address}/video: is back after ")


def test_frames_know_when_they_were_captured():
    handler = type("Handler", (Camera,), {})
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        before = time.time()
        frames = [frame for frame, _ in zip(source, range(10))]
        after = time.time()
    moments = [frame.captured for frame in frames]
    assert moments == sorted(moments) and before <= moments[0] and moments[-1] <= after
    assert {frame.passed_over for frame in frames} == {0}


def test_pauses_grow_while_a_connection_does_not_last(monkeypatch):
    """One that breaks as soon as it is made is not made again and again at once."""
    monkeypatch.setattr(streams, "RECONNECT_PAUSES", (0.01, 0.2, 0.4))
    handler = type("Handler", (Camera,), {"lengths": (3, 3, 3, 3, 1000)})
    waited = []
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        wait = source._leaving.wait
        monkeypatch.setattr(source._leaving, "wait", lambda seconds: waited.append(seconds) or wait(seconds))
        for frame in source:
            if source.broken == 4 and frame.index > 8:
                break
    assert waited == [0.01, 0.2, 0.4, 0.4]
    monkeypatch.setattr(streams, "STEADY_SECONDS", 0.0)
    waited.clear()
    handler = type("Handler", (Camera,), {"lengths": (3, 3, 1000)})
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        wait = source._leaving.wait
        monkeypatch.setattr(source._leaving, "wait", lambda seconds: waited.append(seconds) or wait(seconds))
        next(frame for frame in source if source.broken == 2)
    assert waited == [0.01, 0.01]


def test_who_is_told_to_stop_ends_in_a_pause_too(monkeypatch):
    monkeypatch.setattr(streams, "RECONNECT_PAUSES", (60.0,))
    handler = type("Handler", (Camera,), {"lengths": (5,)})
    with served(handler) as address, LiveStream(f"{address}/video") as source:
        source.tell = lambda note: threading.Timer(0.2, source.stop).start()
        start = time.monotonic()
        numbers = [frame.index for frame in source]
    assert numbers and time.monotonic() - start < 20 and not source.lost


def test_a_camera_that_does_not_come_back_has_ended(monkeypatch):
    monkeypatch.setattr(streams, "RECONNECT_PAUSES", (0.05, 0.2))
    handler = type("Handler", (Camera,), {"lengths": (12,)})
    with served(handler) as address, LiveStream(f"{address}/video", StreamOptions(patience=0.5)) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(12)) and source.broken == 1 and source.lost
    assert 3 <= handler.connections <= 5


def test_a_camera_that_falls_silent_is_left(monkeypatch):
    """Its connection stays, and nothing comes any more."""
    monkeypatch.setattr(streams, "READ_MILLISECONDS", 700)
    left = threading.Event()

    class Silent(Camera):
        lengths = (12,)

        def do_GET(self) -> None:
            super().do_GET()
            left.wait(60)

    with served(Silent) as address, LiveStream(f"{address}/video", StreamOptions(patience=0)) as source:
        start = time.monotonic()
        numbers = [frame.index for frame in source]
        seconds = time.monotonic() - start
        left.set()
    assert numbers == list(range(len(numbers))) and len(numbers) >= 10 and source.broken == 1
    assert seconds < 30


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_who_never_answers_is_not_waited_for(monkeypatch, kind):
    monkeypatch.setattr(streams, "OPEN_MILLISECONDS", 700)
    monkeypatch.setattr(streams, "READ_MILLISECONDS", 700)
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        address = f"{kind}://127.0.0.1:{server.getsockname()[1]}/live"
        with pytest.raises(SourceError, match=f"^{address}: cannot be opened$"):
            LiveStream(address).open()
    assert time.monotonic() - start < 30


def test_a_video_behind_an_address_ends(write_avi, frame_number, tmp_path):
    write_avi(count=12)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with served(handler) as address, LiveStream(f"{address}/video.avi") as source:
        numbers = [frame_number(frame.image) for frame in source]
        assert source.length == 12
    assert numbers == list(range(12)) and source.broken == 0


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (98, "^camera 98: cannot be opened$"),
        ("http://127.0.0.1:9/video", "^http://127.0.0.1:9/video: cannot be opened$"),
        ("rtsp://ada:geheim@127.0.0.1:9/1", "^rtsp://127.0.0.1:9/1: cannot be opened$"),
    ],
)
def test_what_cannot_be_opened_is_told(address, message):
    with pytest.raises(SourceError, match=message):
        LiveStream(address).open()


def test_user_and_password_open_a_stream_and_are_not_shown(web, page):
    web.login = "ada:ge@heim"
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    web.pages["video"] = page("multipart/x-mixed-replace; boundary=frame", jpeg, frames=40, pause=0.01)
    with LiveStream(web.address("video", "ada:ge%40heim")) as source:
        frame = next(iter(source))
    assert frame.source == source.name == web.address("video") and web.logins == ["ada:ge@heim"]
    with pytest.raises(SourceError) as caught:
        LiveStream(web.address("video", "ada:geheim")).open()
    assert str(caught.value) == f"{web.address('video')}: cannot be opened"


def test_a_stream_without_a_frame_is_told(write_avi, web, page, monkeypatch):
    """It opens, and then there is nothing that could be decoded."""
    avi = write_avi(count=3)
    avi.break_frames(0, 1, 2)
    web.pages["video.avi"] = page("video/avi", avi.path.read_bytes())
    with LiveStream(web.address("video.avi", "ada:geheim")) as source, pytest.raises(SourceError) as caught:
        list(source)
    assert str(caught.value) == f"{web.address('video.avi')}: not a single frame came"


def test_user_and_password_are_given_to_an_rtsp_camera():
    """One that asks for them and then has nothing to show."""
    asked: list[str] = []

    def answer(server: socket.socket) -> None:
        connection = server.accept()[0]
        with connection, connection.makefile("rwb") as stream:
            lines: list[str] = []
            for line in iter(stream.readline, b""):
                lines.append(line.decode().strip())
                if lines[-1]:
                    continue
                asked.append("\n".join(lines))
                count = next(each for each in lines if each.startswith("CSeq"))
                allowed = any(each.startswith("Authorization") for each in lines)
                status = "404 Not Found" if allowed else "401 Unauthorized"
                status = "200 OK" if lines[0].startswith("OPTIONS") else status
                stream.write(f'RTSP/1.0 {status}\r\n{count}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'.encode())
                stream.flush()
                lines = []

    with socket.create_server(("127.0.0.1", 0)) as server:
        camera = threading.Thread(target=answer, args=(server,))
        camera.start()
        place = f"127.0.0.1:{server.getsockname()[1]}/live"
        with pytest.raises(SourceError, match=f"^rtsp://{place}: cannot be opened$"):
            LiveStream(f"rtsp://ada:ge%2Fheim@{place}").open()
        camera.join(10)
    secret = base64.b64encode(b"ada:ge/heim").decode()
    assert any(f"Authorization: Basic {secret}" in request for request in asked), asked
