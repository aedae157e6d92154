"""The server as a program: hostile clients, slow ones, and an end at which nothing is lost."""

from __future__ import annotations

import json
import random
import signal
import socket
import struct
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from yolov3.serving import server


def post(url: str, data: bytes, seconds: float = 60, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}detect", data, {"Content-Type": "image/jpeg", **headers})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def send(port: int, data: bytes, seconds: float = 30, *, ends: bool = False, close: bool = False) -> bytes:
    """What comes back to bytes that need not be HTTP; nothing follows them where it ``ends``."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        answer = b""
        try:
            connection.sendall(data)
            if close:
                return b""
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except (ConnectionError, TimeoutError):
            pass
        return answer


def memory_of(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as stream:  # noqa: PTH123
        return int(stream.read().split()[1]) * 4096


@pytest.fixture(scope="module")
def running(run_server):
    with run_server() as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_taken_is_answered_before_the_end(run_server, make_jpeg, number):
    with run_server() as running, ThreadPoolExecutor(24) as threads:
        asked = [threads.submit(post, running.url, make_jpeg(each, 640, 480)) for each in range(24)]
        while not any(each.done() for each in asked):
            time.sleep(0.001)
        running.process.send_signal(number)
        answers = []
        for each in asked:
            try:
                answers.append(each.result(30)[0])
            except (urllib.error.URLError, ConnectionError):
                answers.append(0)  # it had not been taken
        assert running.process.wait(30) == 128 + number
        assert set(answers) <= {200, 503, 0} and answers.count(200) >= 1
        assert "Traceback" not in running.process.stderr.read()


def huge_png(side: int = 60_000) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def hostile(chance: random.Random, port: int, jpeg: bytes) -> tuple[set[int], bytes, bool]:
    """(statuses that are right, bytes to send, whether to hang up at once)."""
    host = f"Host: 127.0.0.1:{port}\r\n".encode()

    def with_body(body: bytes, *lines: str, path: str = "/detect", length: int | None = None) -> bytes:
        head = f"POST {path} HTTP/1.1\r\n".encode() + host
        head += f"Content-Length: {len(body) if length is None else length}\r\n".encode()
        return head + "".join(f"{line}\r\n" for line in (*lines, "Connection: close")).encode() + b"\r\n" + body

    changed = bytearray(jpeg)
    for _ in range(chance.randrange(1, 40)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    cut = jpeg[: chance.randrange(1, len(jpeg))]
    cases: list[tuple[set[int], bytes, bool]] = [
        ({200, 422}, with_body(bytes(changed)), False),
        ({200, 422}, with_body(cut), False),
        ({413, 0}, with_body(huge_png()), False),
        ({0, 400}, with_body(cut, length=len(jpeg)), False),
        ({0}, with_body(cut, length=len(jpeg)), True),
        ({413, 0}, with_body(b"x", length=10**chance.randrange(9, 15)), False),
        ({415}, with_body(jpeg, "Content-Type: text/html"), False),
        ({400}, with_body(jpeg, path=f"/detect?confidence={chance.uniform(2, 9)}"), False),
        ({400}, with_body(jpeg, path="/detect?source=../../etc/passwd"), False),
        ({404}, with_body(jpeg, path=f"/{'../' * chance.randrange(1, 9)}etc/passwd"), False),
        ({400, 431, 0}, b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 100_000 + b"\r\n\r\n", False),
        ({400, 0}, bytes(chance.randrange(256) for _ in range(chance.randrange(1, 300))), False),
        ({400}, with_body(jpeg, "Content-Type: multipart/form-data; boundary=x"), False),
        ({400}, with_body(b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"/etc/passwd\"", "Content-Type: "
                          "multipart/form-data; boundary=x"), False),
        ({406}, with_body(jpeg, "Accept: text/html"), False),
        ({403}, with_body(jpeg, "Origin: https://evil.example.org"), False),
        ({400, 0}, b"POST /detect HTTP/1.1\r\n" + host + b"Content-Length: -5\r\n\r\n", False),
        ({400, 0}, b"POST /detect HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", False),
        ({405}, b"PUT /detect HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n", False),
    ]  # fmt: skip
    return chance.choice(cases)


@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.timeout(1200)
def test_hostile_requests(running, make_jpeg, count):
    """The right status or a closed connection, no crash, and afterwards the server is as it was."""
    chance = random.Random(count)
    cases = [hostile(chance, running.port, make_jpeg(3)) for _ in range(count)]
    for _ in range(3):
        assert post(running.url, make_jpeg(1))[0] == 200
    before = memory_of(running.process.pid)

    def attack(case) -> tuple[set[int], int]:
        right, data, close = case
        answer = send(running.port, data, ends=0 in right, close=close)
        return right, int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0

    with ThreadPoolExecutor(8) as threads:
        wrong = [(right, status) for right, status in threads.map(attack, cases) if status not in right | {503}]
    assert wrong == []
    assert post(running.url, make_jpeg(1))[0] == 200 and running.process.poll() is None
    assert memory_of(running.process.pid) < before + 300_000_000
    with urllib.request.urlopen(f"{running.url}metrics") as answer:
        assert b"yolov3_inside 0.0" in answer.read()


def test_slow_senders_hold_up_nobody(run_server, make_jpeg, monkeypatch):
    with run_server() as running:
        slow = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(60)]
        for number, connection in enumerate(slow):
            head = b"POST /detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            connection.sendall(head if number % 2 else b"GE")
        start = time.monotonic()
        assert post(running.url, make_jpeg())[0] == 200
        assert time.monotonic() - start < 5
        for connection in slow:
            connection.settimeout(server.HEAD_SECONDS + 10)
            assert connection.recv(1000) == b"", "it is hung up"
            connection.close()
        assert time.monotonic() - start < server.HEAD_SECONDS + 8


def test_a_token_from_the_environment(run_server, make_jpeg):
    secret = "a-secret-of-the-test"
    with run_server("--host", "0.0.0.0", YOLOV3_TOKEN=secret) as running:
        url = f"http://127.0.0.1:{running.port}/"
        assert post(url, make_jpeg())[0] == 401
        status, content = post(url, make_jpeg(), Authorization=f"Bearer {secret}")
        assert status == 200 and json.loads(content)["detections"]
