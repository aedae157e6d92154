"""From a real server: an image is fetched, a stream is told to be one, and whatever else comes is a clear line."""

from __future__ import annotations

import socket
import threading

import cv2
import numpy as np
import pytest

from yolov3.sources import web as module
from yolov3.sources.frames import Frame, Unusable
from yolov3.sources.items import StreamItem
from yolov3.sources.web import ask, suffix_of

IMAGE = np.full((20, 30, 3), (10, 120, 240), np.uint8)  # BGR
JPEG = cv2.imencode(".jpg", IMAGE)[1].tobytes()
PNG = cv2.imencode(".png", IMAGE)[1].tobytes()


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("a.jpg", "image/jpeg", JPEG),
        ("a.jpg", "", JPEG),
        ("a.JPG", "application/octet-stream", JPEG),
        ("a.jpg", "image/png", PNG),
        ("snapshot", "image/jpeg; charset=x", JPEG),
        ("cgi/image.cgi", "IMAGE/PNG", PNG),
    ],
)
def test_an_image_is_fetched(web, page, path, kind, body):
    web.pages[path] = page(kind, body)
    frame = ask(web.address(path))
    assert isinstance(frame, Frame) and frame.source == web.address(path)
    assert (frame.index, frame.seconds, frame.damaged) == (None, None, False)
    np.testing.assert_allclose(frame.image, IMAGE[..., ::-1], atol=4)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("video", "multipart/x-mixed-replace; boundary=frame"),
        ("video.jpg", "multipart/x-mixed-replace; boundary=frame"),
        ("film", "video/mp4"),
        ("list", "application/vnd.apple.mpegurl"),
        ("something", "application/octet-stream"),
        ("something", ""),
    ],
)
def test_a_stream_is_told_to_be_one(web, page, path, kind):
    web.pages[path] = page(kind, JPEG, frames=1000, pause=0.01)
    assert ask(web.address(path, "ada:geheim")) == StreamItem(web.address(path, "ada:geheim"))


def test_user_and_password_are_used_and_not_shown(web, page):
    web.pages["a.jpg"] = page("image/jpeg", JPEG)
    web.login = "ada:ge@heim"
    frame = ask(web.address("a.jpg", "ada:ge%40heim"))
    assert isinstance(frame, Frame) and frame.source == web.address("a.jpg") and web.logins == ["ada:ge@heim"]
    for login in ("", "ada:wrong", "eve:geheim"):
        assert ask(web.address("a.jpg", login)) == Unusable(f"{web.address('a.jpg')}: answers 401 Unauthorized")


def test_a_login_is_not_given_to_another_server(web, page):
    other = socket.create_server(("127.0.0.1", 0))
    heard = []

    def listen() -> None:
        connection = other.accept()[0]
        heard.append(connection.recv(10_000))
        challenge = b'HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
        connection.sendall(challenge)
        connection.close()

    listener = threading.Thread(target=listen)
    listener.start()
    web.login = "ada:geheim"
    web.pages["a.jpg"] = page("", status=302, headers={"Location": f"http://127.0.0.1:{other.getsockname()[1]}/a.jpg"})
    assert isinstance(ask(web.address("a.jpg", "ada:geheim")), Unusable)
    listener.join(10)
    other.close()
    assert web.logins == ["ada:geheim"] and len(heard) == 1 and b"uthorization" not in heard[0]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (dict(kind="text/html", body=b"<html>"), "answers with a web page, not with an image or a stream"),
        (dict(kind="image/jpeg", body=b"no image"), "not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)"),
        (dict(kind="image/jpeg"), "no bytes"),
        (dict(kind="image/jpeg", status=404), "answers 404 Not Found"),
        (dict(kind="image/jpeg", status=503), "answers 503 Service Unavailable"),
        (dict(kind="image/jpeg", body=JPEG, length=200_000_000), "200000000 bytes; at most 100000000 are fetched"),
        (dict(kind="", status=302, headers={"Location": "file:///etc/passwd"}), "answers 302"),
        (dict(kind="", status=302, headers={"Location": "ftp://host/a.jpg"}), "leads to another kind of address"),
        (dict(kind="", status=302, headers={"Location": "/a.jpg"}), "answers 302"),
    ],
)
def test_what_is_no_image_is_told(web, page, made, message):
    web.pages["a.jpg"] = page(**made)
    found = ask(web.address("a.jpg", "ada:geheim"))
    assert isinstance(found, Unusable) and found.reason.startswith(f"{web.address('a.jpg')}: {message}")
    assert "\n" not in found.reason


def test_an_image_that_is_cut_off_is_damaged(web, page):
    web.pages["a.jpg"] = page("image/jpeg", JPEG[: len(JPEG) - 20], length=len(JPEG))
    frame = ask(web.address("a.jpg"))
    assert isinstance(frame, Frame) and frame.damaged and frame.image.shape == (20, 30, 3)


def test_what_does_not_end_is_ended(web, page, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_IMAGE", 5000)
    web.pages["a.jpg"] = page("image/jpeg", JPEG, frames=10_000)
    assert ask(web.address("a.jpg")).reason.endswith("a.jpg: more than 5000 bytes, the most that are fetched")


@pytest.mark.parametrize("limit", ["SILENCE_SECONDS", "LONGEST_SECONDS"])
def test_who_stalls_is_left(web, page, monkeypatch, limit):
    monkeypatch.setattr(module, limit, 0.1)
    web.pages["a.jpg"] = page("image/jpeg", JPEG, pause=0.5)
    assert ask(web.address("a.jpg")).reason.endswith("a.jpg: cannot be fetched: no answer in time")


def test_nobody_there(web):
    assert ask("http://ada:geheim@127.0.0.1:9/a.jpg") == Unusable(
        "http://127.0.0.1:9/a.jpg: cannot be fetched: Connection refused"
    )
    assert ask("http://host:port/a.jpg") == Unusable("http://***/a.jpg: cannot be fetched: ValueError")


def test_what_speaks_no_http_is_left_to_others():
    """Old cameras and radio servers begin their answers in their own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection = server.accept()[0]
                connection.recv(10_000)
                connection.sendall(b"ICY 200 OK\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert ask(f"{address}/live") == StreamItem(f"{address}/live")
        assert ask(f"{address}/a.jpg") == Unusable(f"{address}/a.jpg: cannot be fetched: BadStatusLine")


def test_suffixes_of_addresses():
    assert suffix_of("http://host/a/B.JPG?x=1.png#y.gif") == ".jpg"
    assert suffix_of("http://host.com") == suffix_of("http://host/video") == suffix_of("http://host?x=/y.jpg") == ""
    assert suffix_of("http://[::1]:80/a/x.png") == suffix_of("http://[no host/x.png") == ".png"
