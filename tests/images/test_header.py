"""What an image's file says before it is decoded: the same as Pillow and OpenCV say of the image, for every format; and
no beginning of any kind gives another error than the one that is meant."""

from __future__ import annotations

import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from yolov3.images.header import HeaderError, ImageHeader, read_header

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 47, 3), dtype=np.uint8))
ORIENTATION = 0x0112


def encoded(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def header_of(data: bytes) -> ImageHeader:
    return read_header(io.BytesIO(data))


def frames(count: int) -> dict:
    return {"save_all": True, "append_images": [IMAGE.rotate(90 * number) for number in range(1, count)]}


def exif_with(orientation: object) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "a maker, an odd number of bytes"
    return exif


IMAGES = {
    "JPEG": encoded(IMAGE, "JPEG"),
    "progressive JPEG": encoded(IMAGE, "JPEG", progressive=True),
    "grey JPEG": encoded(IMAGE.convert("L"), "JPEG"),
    "CMYK JPEG": encoded(IMAGE.convert("CMYK"), "JPEG"),
    "JPEG with comment": encoded(IMAGE, "JPEG", comment=b"\xff\xda not a scan \xff\xd9"),
    "PNG": encoded(IMAGE, "PNG"),
    "palette PNG": encoded(IMAGE.quantize(16), "PNG"),
    "16 bit PNG": encoded(IMAGE.convert("L").convert("I;16"), "PNG"),
    "animated PNG": encoded(IMAGE, "PNG", **frames(2)),
    "BMP": encoded(IMAGE, "BMP"),
    "grey BMP": encoded(IMAGE.convert("L"), "BMP"),
    "GIF": encoded(IMAGE, "GIF"),
    "animated GIF": encoded(IMAGE, "GIF", **frames(3)),
    "TIFF": encoded(IMAGE, "TIFF"),
    "TIFF of many pages": encoded(IMAGE, "TIFF", **frames(3)),
    "compressed TIFF": encoded(IMAGE, "TIFF", compression="tiff_lzw"),
    "BigTIFF": encoded(IMAGE, "TIFF", big_tiff=True),
    "WebP": encoded(IMAGE, "WEBP"),
    "lossless WebP": encoded(IMAGE, "WEBP", lossless=True),
    "WebP with alpha": encoded(IMAGE.convert("RGBA"), "WEBP"),
    "WebP with profile": encoded(IMAGE, "WEBP", icc_profile=b"odd"),
    "animated WebP": encoded(IMAGE, "WEBP", **frames(3)),
}
FORMATS = {"JPEG", "PNG", "BMP", "GIF", "TIFF", "WebP"}


def format_in(name: str) -> str:
    return next(format for format in FORMATS if format in name.split())


@pytest.mark.parametrize("name", sorted(set(IMAGES) - {"BigTIFF"}))
def test_format_and_size_are_told(name):
    header = header_of(IMAGES[name])
    assert (header.format, header.stored_size, header.size, header.orientation) == (
        format_in(name),
        (30, 47),
        (30, 47),
        1,
    )


def test_big_tiffs_are_refused_as_no_image_we_read():
    with pytest.raises(HeaderError, match="not an image"):
        header_of(IMAGES["BigTIFF"])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientations_are_those_that_pillow_applies(format, orientation):
    data = encoded(IMAGE, format, exif=exif_with(orientation))
    header = header_of(data)
    assert header.stored_size == (30, 47) and header.orientation == orientation
    width, height = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size
    assert header.size == (height, width)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_impossible_orientations_say_nothing(format, orientation):
    assert header_of(encoded(IMAGE, format, exif=exif_with(orientation))).orientation == 1


def test_damaged_exif_is_no_reason_to_refuse_an_image():
    data = encoded(IMAGE, "JPEG", exif=exif_with(6))
    place = data.index(b"Exif\0\0") + 6
    assert header_of(data).orientation == 6
    for broken in (b"XX*\0", b"\xff" * 8, b"II*\0\xff\xff\xff\xff"):
        assert header_of(data[:place] + broken + data[place + len(broken) :]).orientation == 1


def test_an_orientation_is_read_without_the_pixels_and_behind_them():
    data = encoded(IMAGE, "WEBP", exif=exif_with(8))  # EXIF stands last in a WebP
    assert data.index(b"EXIF") > data.index(b"VP8 ")
    assert header_of(data).orientation == 8
    assert header_of(data[: data.index(b"EXIF")]).orientation == 1


@pytest.mark.parametrize("name", [name for name in IMAGES if "JPEG" in name])
def test_a_jpegs_pixels_begin_behind_the_head_of_its_first_scan(name):
    data = IMAGES[name]
    start = header_of(data).data_start
    place = 2
    while data[place + 1] != 0xDA:  # segment after segment to the first scan
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    assert start == place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def test_other_formats_have_no_beginning_of_pixels():
    assert {
        header_of(data).data_start for name, data in IMAGES.items() if "JPEG" not in name and "Big" not in name
    } == {0}


@pytest.mark.parametrize("name", sorted(set(IMAGES) - {"BigTIFF"}))
def test_cut_anywhere_it_is_the_same_header_or_none(name):
    data = IMAGES[name]
    whole, told = header_of(data), 0
    for length in [*range(min(len(data), 700)), *range(700, len(data), 37)]:
        try:
            found = header_of(data[:length])
        except HeaderError:
            continue
        told += 1
        assert found == whole
    if "TIFF" not in name:  # whose directory stands at the end
        assert told > 0, "the pixels are not needed"


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_changed_anywhere_it_is_a_header_or_none(name):
    chance = random.Random(name)
    data = IMAGES[name]
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            broken[chance.randrange(min(len(data), 300))] = chance.randrange(256)
        try:
            header = header_of(bytes(broken))
        except HeaderError:
            continue
        assert header.format in FORMATS and 1 <= header.orientation <= 8
        assert all(isinstance(side, int) for side in header.stored_size)


def png_of(width: int, height: int) -> bytes:
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 10)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (content, idat)
    )


def webp_of(width: int, height: int) -> bytes:
    content = bytes([0x10, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize("make", [png_of, webp_of])
def test_a_size_is_told_however_large(make):
    assert header_of(make(1_000_000, 2_000_000)).size == (2_000_000, 1_000_000)


def test_a_webp_of_endless_chunks_comes_to_an_end():
    head = b"RIFF" + b"\xff" * 4 + b"WEBP"
    with pytest.raises(HeaderError, match="no WebP image"):
        header_of(head + b"XXXX\0\0\0\0" * 50_000)
    with pytest.raises(HeaderError, match="no WebP image"):
        header_of(head + b"XXXX\xff\xff\xff\xff")
    assert header_of(webp_of(3, 5)[:12] + b"XXXX\3\0\0\0abc\0" + webp_of(3, 5)[12:]).size == (5, 3), (
        "odd chunks are padded"
    )


def test_a_jpeg_without_a_scan_is_none():
    data = IMAGES["JPEG"]
    with pytest.raises(HeaderError, match="cut off or damaged"):
        header_of(data[: data.index(b"\xff\xda")] + b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 100, b"hello, this is a text of some length", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xd8", b"%PDF-1.7"],
)
def test_what_is_no_image_is_told_with_what_is_read(data):
    with pytest.raises(HeaderError, match=r"not an image \(JPEG, PNG, BMP, GIF, WebP and TIFF are read\)"):
        header_of(data)


def test_a_file_is_read_from_its_beginning_wherever_it_stands():
    stream = io.BytesIO(IMAGES["PNG"])
    stream.seek(20)
    assert read_header(stream).size == (30, 47)


@pytest.mark.shared
def test_real_photographs_are_as_large_as_opencv_decodes_them(shared):
    paths = sorted(path for path in (shared / "images").iterdir() if path.suffix in (".jpg", ".png"))
    assert paths
    for path in paths:
        with path.open("rb") as file:
            assert read_header(file).size == cv2.imread(str(path)).shape[:2]
