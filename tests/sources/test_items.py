"""What may be secret or long is not shown where items are printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.sources.items import DataItem, Found, ImageItem, StreamItem, WebItem


@pytest.mark.parametrize("kind", [StreamItem, WebItem])
def test_an_address_is_not_printed(kind):
    item = kind("http://ada:geheim@camera/1")
    assert item.address == "http://ada:geheim@camera/1"
    assert "geheim" not in repr(Found((item,)))
    assert item == kind("http://ada:geheim@camera/1") and item != kind("http://camera/1")


def test_bytes_are_not_printed():
    assert repr(DataItem(b"x" * 1000, "stdin")) == "DataItem(name='stdin')"
    assert "a.jpg" in repr(ImageItem(Path("a.jpg")))
