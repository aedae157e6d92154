"""What cannot be served is told before anything begins."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.serving.options import ServeOptions, is_loopback

SECRET = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_this_machine_alone_needs_no_token(host):
    assert is_loopback(host) and ServeOptions("w.pt", host=host).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.3", "example.org", "localhost.example.org", ""])
def test_others_need_one(host):
    assert not is_loopback(host)
    with pytest.raises(UserError, match=r"others could use this model; set a secret of at least 16 characters"):
        ServeOptions("w.pt", host=host)
    assert SECRET not in repr(ServeOptions("w.pt", host=host, token=SECRET))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token": "short"}, "YOLOV3_TOKEN must have at least 16 characters"),
        ({"token": "ä" * 20}, "all of them ASCII"),
        ({"port": -1}, "port must be at least 0"),
        ({"port": 65536}, "--port must be at most 65535"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"queue": 0}, "queue must be at least 1"),
        ({"most_bytes": 0}, "most_bytes must be at least 1"),
        ({"most_pixels": 10**9}, "most_pixels must be at most 100000000"),
        ({"seconds": 0.0}, "seconds must be above 0"),
        ({"seconds": float("nan")}, "seconds must be above 0"),
        ({"gather": 2.0}, r"gather in \[0, 1\)"),
    ],
)
def test_numbers_that_cannot_be(changes, message):
    with pytest.raises(UserError, match=message):
        ServeOptions("w.pt", **changes)
