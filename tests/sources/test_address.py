"""Addresses without what nobody else may read."""

from __future__ import annotations

import pytest

from yolov3.sources.address import Login, is_address, scheme_of, split_login, without_login, without_logins


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://camera/1", "rtsp://camera/1"),
        ("rtsp://ada:geheim@camera:554/live?x=1", "rtsp://camera:554/live?x=1"),
        ("rtsp://ada@camera", "rtsp://camera"),
        ("http://ada:ge@heim@camera/1", "http://camera/1"),
        ("RTSP://ada:ge%2Fheim@[fe80::1]:554/1", "RTSP://[fe80::1]:554/1"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        # passwords that nobody escaped
        ("rtsp://ada:ge/heim@camera/1", "rtsp://camera/1"),
        ("rtsp://ada:12/34@camera/1", "rtsp://camera/1"),
        ("http://ada:ge#heim@camera/1", "http://camera/1"),
        ("http://ada:ge?heim@camera/1", "http://camera/1"),
        ("rtsp://ada:geheim", "rtsp://***"),
        # what only looks like a login
        ("https://host/people/@ada/1.jpg", "https://host/people/@ada/1.jpg"),
        ("http://[::1]:8080/a@b.jpg", "http://[::1]:8080/a@b.jpg"),
        ("http://host:8080/video", "http://host:8080/video"),
        # logins and tokens as words
        ("rtsp://camera/user=ada&password=geheim&channel=1", "rtsp://camera/user=***&password=***&channel=1"),
        ("rtsp://camera/user=ada_password=geheim_channel=1", "rtsp://camera/user=***"),
        ("http://camera/image?USER_NAME=ada&Pwd=geheim;n=2", "http://camera/image?USER_NAME=***&Pwd=***;n=2"),
        ("https://s/a.jpg?X-Amz-Signature=geheim&size=5", "https://s/a.jpg?X-Amz-Signature=***&size=5"),
        ("https://s/a.jpg?access_token=geheim#top", "https://s/a.jpg?access_token=***#top"),
        # no addresses
        ("ada@home.jpg", "ada@home.jpg"),
        ("folder/user=ada.jpg", "folder/user=ada.jpg"),
        ("0", "0"),
        ("", ""),
    ],
)
def test_what_is_shown_of_an_address(address, shown):
    assert without_login(address) == shown
    assert without_login(shown) in (shown, "rtsp://***")
    assert "geheim" not in shown and "heim@" not in shown


def test_addresses_in_a_text():
    text = "unrecognized arguments: rtsp://ada:geheim@camera/1 'http://ada:geheim@b/2.jpg' c@d"
    assert without_logins(text) == "unrecognized arguments: rtsp://camera/1 'http://b/2.jpg' c@d"
    assert without_logins("rtsp:/ada:geheim@camera/1: no such file") == "rtsp://camera/1: no such file"
    for same in ("c:/people/@ada/x", "file:///tmp/a b", "http://host:80/x: cannot", "3:/x@y", "a/b: not found", ""):
        assert without_logins(same) == same


def test_what_is_an_address():
    assert is_address("srt://host:9") and is_address("foo+bar://x") and scheme_of("HTTP://x") == "http"
    assert not is_address("a/b.jpg") and not is_address("C:\\a.jpg") and not is_address("see http://x")


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("http://host/a.jpg", Login("http://host/a.jpg")),
        ("https://ada:ge%40heim@host:81/a b?x=ü#top", Login("https://host:81/a%20b?x=%C3%BC", "ada", "ge@heim")),
        ("http://ada@host", Login("http://host/", "ada")),
        ("http://a%C3%A4:p:q@host/%20", Login("http://host/%20", "aä", "p:q")),
    ],
)
def test_a_login_is_taken_off_an_address(address, login):
    assert split_login(address) == login


@pytest.mark.parametrize("address", ["http://", "http:///a.jpg", "http://host:port/a", "http://[::1/a"])
def test_what_is_no_address_of_the_web(address):
    with pytest.raises(ValueError):
        split_login(address)
