"""A PNG's chunks are what its decoder may believe: they lead to the end, and nothing but the still image is among them."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov3.images.png import closed_png, ended_png, is_whole_png, png_chunks, png_image, read_png_head, still_png

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


def encoded(image: Image.Image, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes, *, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack(">I", size) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def kinds(data: bytes) -> list[bytes]:
    return [each.kind for each in png_chunks(data)]


IMAGE = Image.fromarray(PIXELS)
EXIF = Image.Exif()
EXIF[0x0112] = 6
PNGS = {
    "plain": encoded(IMAGE),
    "palette": encoded(IMAGE.quantize(16)),
    "transparent palette": encoded(IMAGE.quantize(16), transparency=3),
    "with all kinds of texts": encoded(IMAGE, exif=EXIF, icc_profile=bytes(500), dpi=(72, 72)),
    "animated": encoded(IMAGE, save_all=True, append_images=[IMAGE.rotate(90)]),
    "animated, another image first": encoded(
        IMAGE, save_all=True, append_images=[IMAGE.rotate(90)], default_image=True
    ),
    "with alpha": encoded(Image.fromarray(np.dstack((PIXELS, PIXELS[..., :1])))),
    "16 bits": encoded(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)),
}


@pytest.mark.parametrize("name", PNGS)
def test_the_still_image_is_what_others_see_first(name):
    data = PNGS[name]
    still = still_png(data + b"what follows the end")
    assert set(kinds(still)) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"} and is_whole_png(still)
    for flag in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH):
        first = cv2.imdecode(np.frombuffer(still, np.uint8), flag)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB" if name != "16 bits" else None))
        if name == "16 bits":
            expected = np.repeat((expected >> 8 if first.dtype == np.uint8 else expected)[:, :, None], 3, axis=2)
        assert np.array_equal(first[..., ::-1], expected)


def test_a_plain_file_is_handed_on_as_it_is():
    assert still_png(PNGS["plain"]) == PNGS["plain"]


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt", b"acTL", b"PLTE"])
@pytest.mark.parametrize("length", [30, 2**20, 2**31 - 1, 2**32 - 1])
def test_a_chunk_that_claims_more_than_there_is_leads_to_no_end(kind, length):
    data = PNGS["plain"]
    lying = data[:33] + chunk(kind, b"", length=length) + chunk(b"IEND", b"")
    assert not is_whole_png(lying) and kinds(lying) == [b"IHDR"]


def test_cut_anywhere_it_is_not_whole():
    for data in PNGS.values():
        assert is_whole_png(data) and not any(is_whole_png(data[:end]) for end in range(0, len(data), 7))


def test_a_header_that_is_not_in_its_place_is_none():
    data = PNGS["plain"]
    assert png_image(data)[:4] == (30, 20, 8, 2)
    for wrong in (data[:20], data[:8] + chunk(b"tEXt", bytes(13)) + data[8:], b"", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(ValueError, match="does not begin with its header"):
            png_image(wrong)


def test_rows_that_are_missing_are_black():
    data = PNGS["plain"]
    cut = data[: data.index(b"IDAT") + 600]
    found = np.asarray(Image.open(io.BytesIO(ended_png(cut))))
    assert np.array_equal(found[:3], PIXELS[:3]) and not found[-1].any()


def test_a_height_of_nothing_is_no_leave_to_unpack_everything():
    data = bytearray(PNGS["plain"][:-12])
    data[20:24] = struct.pack(">I", 0)
    with pytest.raises(ValueError, match="cannot be ended"):
        ended_png(bytes(data))


def test_closing_keeps_what_is_there_with_checksums_that_agree():
    data = PNGS["palette"]
    closed = closed_png(data[:-30])
    assert is_whole_png(closed)
    for each in png_chunks(closed):
        content = closed[each.start + 4 : each.stop - 4]
        assert struct.unpack(">I", closed[each.stop - 4 : each.stop])[0] == zlib.crc32(content)


def test_the_head_is_read_without_the_pixels_and_without_texts():
    data = PNGS["with all kinds of texts"]
    image, exif = read_png_head(io.BytesIO(data))
    assert image[:2] == (30, 20) and exif.lstrip(b"Exif\0") == EXIF.tobytes().lstrip(b"Exif\0")
    start = data.index(b"IDAT") + 4
    assert read_png_head(io.BytesIO(data[:start])) == (image, exif)
    for end in range(start):
        with pytest.raises(ValueError, match=r"cut off|begin with its header"):
            read_png_head(io.BytesIO(data[:end]))


def test_pixels_that_hardly_pack_are_fine_and_more_than_all_pixels_are_not():
    stored = encoded(Image.effect_noise((300, 300), 90), compress_level=0)
    assert still_png(stored) == stored
    more = stored[:33] + chunk(b"IDAT", bytes(200_000)) + stored[33:]
    with pytest.raises(ValueError, match="bytes of pixels, which are 90300 unpacked"):
        still_png(more)
