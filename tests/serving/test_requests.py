"""A request is read, or refused with the right status in a line."""

from __future__ import annotations

import asyncio
import struct
import zlib

import numpy as np
import pytest
from starlette.datastructures import QueryParams
from starlette.requests import Request

from yolov3.inference.detector import Detector
from yolov3.serving.options import ServeOptions
from yolov3.serving.requests import Refused, Sent, decode, read_image_bytes, read_selection, wanted_answer
from yolov3.shapes.dataset import CLASSES

SMALL = ServeOptions("w.pt", most_bytes=1000, most_pixels=100_000, seconds=0.3)


def request_of(parts: list[bytes], kind: str | None = None, *, ends: bool = True, **headers: str) -> Request:
    """A request whose body comes in these parts; one that does not end waits for ever, or goes with ``ends`` None."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive():
        if waiting:
            return waiting.pop(0)
        if ends is None:
            return {"type": "http.disconnect"}
        if not ends:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"", "more_body": False}

    named = {**({"content-type": kind} if kind else {}), **headers}
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    return Request(
        {"type": "http", "method": "POST", "path": "/detect", "query_string": b"", "headers": listed}, receive
    )


def read(request: Request, options: ServeOptions = SMALL) -> Sent:
    return asyncio.run(read_image_bytes(request, options))


def form(*files: tuple[str, bytes], field: str = "file") -> bytes:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + b"--x--\r\n"


FORM = "multipart/form-data; boundary=x"


@pytest.mark.parametrize("kind", [None, "image/jpeg", "IMAGE/PNG; a=b", "application/octet-stream"])
def test_the_bytes_of_an_image(kind):
    assert read(request_of([b"ab", b"cd"], kind)) == Sent(b"abcd", "image")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\pictures\b.png", "b.png"),
        ("/", "image"),
        ("n" * 500, "n" * 200),
    ],
)
def test_the_file_of_a_form(name, shown):
    assert read(request_of([form((name, b"data"))], FORM)) == Sent(b"data", shown)


@pytest.mark.parametrize(
    ("request_", "status", "line"),
    [
        (request_of([b"x"], "text/html"), 415, "content type 'text/html'"),
        (request_of([b"x"], "application/json"), 415, "send the bytes of an image"),
        (request_of([b"x"], "image/png", content_length="1001"), 413, "at most 1000 bytes are taken"),
        (request_of([b"x"], "image/png", content_length="9" * 5000), 413, "at most 1000 bytes are taken"),
        (request_of([b"x" * 600, b"x" * 600], "image/png"), 413, "at most 1000 bytes are taken"),
        (request_of([b"x"], "image/png", ends=False), 408, "did not arrive within 0.3 seconds"),
        (request_of([b"x"], "image/png", ends=None), 400, "ended in the midst of its body"),
        (request_of([form()], FORM), 400, "a form without a file"),
        (request_of([form(("a", b"1"), ("b", b"2"))], FORM), 400, "a form that cannot be read: Too many files"),
        (request_of([b"nonsense"], FORM), 400, "a form"),
        (request_of([form(("a", b"1"))], "multipart/form-data"), 400, "a form that cannot be read"),
        (request_of([form(("a", b"1"))[:-20]], FORM), 400, "a form"),
        (request_of([form(("a", b"1" * 2000))], FORM), 413, "at most 1000 bytes are taken"),
    ],
)  # fmt: skip
def test_what_is_refused(request_, status, line):
    with pytest.raises(Refused) as refused:
        read(request_)
    assert refused.value.status == status and line in refused.value.line and "\n" not in refused.value.line


def png(width: int, height: int) -> bytes:
    """A picture that says to be so large, and has a few bytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"x")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status", "line"),
    [
        (b"", 400, "no image in the request"),
        (b"hello", 422, "me.jpg: "),
        (png(400, 300), 413, "me.jpg: 400x300 pixels; at most 100000 are taken"),
        (png(65000, 65000), 413, "me.jpg: 65000x65000 pixels"),
        (png(40, 30), 422, "me.jpg: "),
    ],
)
def test_what_is_no_image(data, status, line):
    with pytest.raises(Refused) as refused:
        decode(Sent(data, "me.jpg"), SMALL)
    assert refused.value.status == status and refused.value.line.startswith(line)


def test_an_image(make_jpeg):
    assert decode(Sent(make_jpeg(), "me.jpg"), SMALL).shape == (90, 120, 3)
    assert decode(Sent(make_jpeg(kind="PNG"), "x"), SMALL).dtype == np.uint8


@pytest.fixture(scope="module")
def detector(served_weights) -> Detector:
    return Detector(served_weights, device="cpu", thresholds=dict.fromkeys(CLASSES, 0.9))


def test_which_boxes_count(detector):
    assert read_selection(QueryParams(""), detector) is detector.selection
    names = detector.names
    query = QueryParams(f"confidence=0.5&iou=0.6&max_detections=7&classes={names[2]},1&classes={names[0]}")
    selection = read_selection(query, detector)
    assert (selection.confidence, selection.nms_threshold, selection.max_detections) == (0.5, 0.6, 7)
    assert sorted(selection.classes) == [0, 1, 2] and selection.thresholds is None
    assert read_selection(QueryParams("iou=0.6"), detector).thresholds == detector.selection.thresholds


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("confidence=2", "confidence: found '2'; a number in [0, 1] is expected"),
        ("confidence=nan", "a number in [0, 1]"),
        ("iou=", "a number in [0, 1]"),
        ("iou=" + "1" * 5000, "a number in [0, 1]"),
        ("max_detections=0", "a whole number from 1 on"),
        ("max_detections=-3", "a whole number from 1 on"),
        ("max_detections=" + "9" * 5000, "a whole number from 1 on"),
        ("classes=nobody", "no class 'nobody'"),
        ("source=/etc/passwd", "unknown parameter 'source'; there are confidence, iou, max_detections, classes"),
        ("url=http://x", "unknown parameter"),
    ],
)
def test_parameters_that_cannot_be(detector, query, line):
    with pytest.raises(Refused) as refused:
        read_selection(QueryParams(query), detector)
    assert refused.value.status == 400 and line in refused.value.line and len(refused.value.line) < 500


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"), ("*/*", "application/json"), ("image/*", "image/jpeg"), ("image/png", "image/png"),
        ("text/html, image/png;q=0.5, image/jpeg;q=0.4", "image/png"), ("application/json;q=0, */*", "application/json"),
        ("image/jpeg, application/json", "application/json"), ("image/jpeg;q=0.9, application/json;q=0.1", "image/jpeg"),
    ],
)  # fmt: skip
def test_what_a_client_likes_best(accept, kind):
    assert wanted_answer(accept) == kind


@pytest.mark.parametrize("accept", ["text/html", "image/webp", "image/png;q=0", "image/png;q=nonsense", ",,;"])
def test_what_nobody_can_give(accept):
    with pytest.raises(Refused) as refused:
        wanted_answer(accept)
    assert refused.value.status == 406
