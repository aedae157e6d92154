"""The numbers in a TIFF's first directory, against Pillow's reader; and what no directory may claim."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from yolov3.images.tiff import BITS, HEIGHT, ORIENTATION, WIDTH, exif_orientation, read_directory

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


def tiff(mode: str = "RGB", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, format="TIFF", **options)
    return stream.getvalue()


def directory(*entries: tuple[int, int, int, int], order: str = "<", more: bytes = b"") -> bytes:
    """A TIFF of nothing but (tag, type, count, value or place) entries, and bytes behind them."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        short = kind == 3 and count == 1
        data += struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + ("H2x" if short else "I"), value)
    return data + bytes(4) + more


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA", "P"])
def test_a_directory_says_what_pillow_says(mode, options):
    if options.get("compression") == "jpeg" and mode not in ("RGB", "L"):
        pytest.skip("no JPEG of such colours")
    data = tiff(mode, **options)
    found = read_directory(io.BytesIO(data), WIDTH, HEIGHT, BITS)
    tags = Image.open(io.BytesIO(data)).tag_v2
    assert found == {WIDTH: (30,), HEIGHT: (20,)} | ({BITS: tuple(tags[BITS])} if BITS in tags else {})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([ORIENTATION, ORIENTATION, 256, 700]),
            st.integers(0, 12),  # Pillow knows 13, a directory's place, as a number too
            st.integers(0, 1),
            st.integers(0, 12),
        ),
        max_size=3,
        unique_by=lambda entry: entry[0],
    ),
    st.sampled_from("<>"),
    st.sampled_from([b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"]),
)
def test_an_orientation_is_the_one_that_pillow_reads(entries, order, start):
    block = directory(*entries, order=order, more=bytes(range(1, 60)))
    exif = Image.Exif()
    exif.load(start + block)
    value = exif.get(ORIENTATION, 1)
    expected = value if isinstance(value, int) and 1 <= value <= 8 else 1
    assert exif_orientation(start + block) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no TIFF"),
        (b"II*\0", "no TIFF"),
        (b"II+\0\x08\0\0\0", "no TIFF"),
        (b"II*\0\xff\xff\xff\xff", "cut off"),
        (directory((256, 3, 1, 5))[:-8], "cut off"),
        (directory((256, 3, 1, 5), (256, 3, 1, 6)), "entry 256 stands twice"),
        (directory((258, 3, 4, 10**9)), "cut off"),
        (directory((700, 7, 2**32 - 1, 0)), "claim more bytes than the file has"),
        (directory((700, 12, 2**29, 0)), "claim more bytes than the file has"),
        (directory(*((tag, 7, 300, 8) for tag in range(1000, 1040))), "claim more bytes than the file has"),
    ],
)
def test_what_is_cut_off_or_claims_too_much_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_directory(io.BytesIO(data), WIDTH, HEIGHT, BITS)
    assert exif_orientation(data) == 1


def test_entries_may_be_large_where_the_file_is():
    data = directory((256, 3, 1, 5), (700, 7, 500, 8), more=bytes(600))
    assert read_directory(io.BytesIO(data), WIDTH, HEIGHT) == {WIDTH: (5,)}
