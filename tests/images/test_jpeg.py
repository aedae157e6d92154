"""The head of a JPEG, against Pillow's reader: on heads of every kind, changed and cut anywhere."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from yolov3.images.jpeg import LARGEST, MOST_SCANS, check_scans, read_jpeg_head


def jpeg(mode: str = "RGB", **how: object) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG", **how)
    return buffer.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
JPEGS = {
    "plain": jpeg(),
    "grey": jpeg("L"),
    "CMYK": jpeg("CMYK"),
    "progressive": jpeg(progressive=True),
    "restarts": jpeg(restart_marker_rows=1),
    "with EXIF": jpeg(exif=EXIF),
    "with a profile and a comment": jpeg(icc_profile=bytes(70_000), comment=b"\xff\xd8\xff"),
    "EXIF in two": jpeg(exif=b"Exif\0\0II").replace(b"\xff\xdb", b"\xff\xe1\0\x0aExif\0\0*\0\xff\xdb", 1),
    "filled": jpeg().replace(b"\xff\xdb", b"junk\xff\0\xff\xff\xff\xdb", 1),
}


def by_pillow(data: bytes):
    """(size, exif, where it stopped), or None where it refuses."""
    file = io.BytesIO(data)
    try:
        image = JpegImagePlugin.JpegImageFile(file)
    except (SyntaxError, OSError, ValueError, IndexError, KeyError, TypeError):
        return None
    return (image.size[::-1], image.info.get("exif", b""), file.tell()) if image.tile else None


def by_us(data: bytes):
    try:
        return tuple(read_jpeg_head(io.BytesIO(data)))
    except ValueError:
        return None


@pytest.mark.parametrize("name", JPEGS)
def test_a_head_says_what_pillow_says(name):
    found = by_us(JPEGS[name])
    assert found == by_pillow(JPEGS[name]) and found[0] == (20, 30)


@pytest.mark.parametrize("name", JPEGS)
def test_cut_anywhere_nothing_is_made_up(name):
    whole = by_us(JPEGS[name])
    for end in range(0, whole[2] + 3, 1 if whole[2] < 2000 else 97):
        assert by_us(JPEGS[name][:end]) == (whole if end >= whole[2] else None)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(JPEGS)),
    st.lists(st.tuples(st.integers(3, 700), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_what_both_take_they_take_alike(name, changes):
    data = bytearray(JPEGS[name])
    for place, byte in changes:
        data[place % len(data)] = byte
    ours, pillows = by_us(bytes(data)), by_pillow(bytes(data))
    assert ours is None or pillows is None or ours == pillows


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JPEG"),
        (b"\x89PNG\r\n\x1a\n", "no JPEG"),
        (b"\xff\xd8", "cut off"),
        (b"\xff\xd8\xff\xe0\0\1", "a segment without its length"),
        (b"\xff\xd8\xff\xda\0\2", "a scan of no frame"),
        (b"\xff\xd8\xff\xc0\0\x08\x0c\0\1\0\1\3", "neither 8 bits nor 1, 3 or 4 colours"),
        (b"\xff\xd8\xff\xc0\0\x08\x08\0\1\0\1\2", "neither 8 bits nor 1, 3 or 4 colours"),
        (b"\xff\xd8" + bytes(LARGEST + 10), "no segments"),
        (b"\xff\xd8" + b"\xff\xd0" * (LARGEST // 2), "cut off"),
    ],
)
def test_what_is_no_head_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_jpeg_head(io.BytesIO(data))


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan, of a few bytes, is there so many times more."""
    data = jpeg(progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


@pytest.mark.parametrize("name", JPEGS)
def test_the_scans_of_real_jpegs_are_few(name):
    _, _, start = by_us(JPEGS[name])
    check_scans(JPEGS[name], (9_000, 11_000), start)


def test_thousands_of_scans_are_refused_before_they_are_decoded():
    """Each goes over the whole image, however few bytes it has."""
    few, many = with_scans(10), with_scans(3_000)
    assert len(many) < 450_000
    check_scans(few, (1_000, 1_000), by_us(few)[2])
    check_scans(with_scans(400), (1_000, 1_000), by_us(few)[2])
    with pytest.raises(ValueError, match=rf"^30\d\d scans; of a JPEG of this size at most {MOST_SCANS} are decoded"):
        check_scans(many, (1_000, 1_000), by_us(many)[2])
    with pytest.raises(ValueError, match=r"^4\d\d scans; of a JPEG of this size at most 25 are decoded"):
        check_scans(with_scans(400), (10_000, 10_000), by_us(few)[2])


@pytest.mark.shared
def test_photographs_say_what_pillow_says(shared: Path):
    photographs = sorted((shared / "images").glob("*.jpg")) + sorted(
        (shared / "datasets/bccd/JPEGImages").glob("*.jpg")
    )
    assert len(photographs) > 100
    for path in photographs:
        data = path.read_bytes()
        assert by_us(data) == by_pillow(data) is not None
        check_scans(data, *by_us(data)[::2])
